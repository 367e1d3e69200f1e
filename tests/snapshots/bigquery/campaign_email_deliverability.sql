WITH counted_sends AS (
  /* Sends that count: neither skipped nor failed, with campaign, email and person */
  SELECT
    coalesce(loaded.campaign_id, 0) AS campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    datetime(loaded.activity_date, 'UTC') AS activity_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT coalesce(lower(nullif(TRIM(loaded.action_result), '')), '') IN ('skipped', 'failed')
    )
    AND NOT coalesce(loaded.campaign_id, 0) IS NULL
    AND NOT loaded.primary_attribute_value_id IS NULL
    AND NOT loaded.lead_id IS NULL
), email_events AS (
  /* What happened to the emails: 1 sent, 2 delivered, 4 hard bounced, 8 soft bounced, 16 opened, 32 opened by bot, 64 opened by privacy proxy, 128 opened by image proxy, 256 clicked, 512 clicked by bot, 1024 unsubscribed. A click on an unsubscribe link or an email address is only an open */
  SELECT
    2 AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    datetime(loaded.activity_date, 'UTC') AS activity_at
  FROM marketo.activity_email_delivered AS loaded
  UNION ALL
  SELECT
    4 AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    datetime(loaded.activity_date, 'UTC') AS activity_at
  FROM marketo.activity_email_bounced AS loaded
  UNION ALL
  SELECT
    8 AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    datetime(loaded.activity_date, 'UTC') AS activity_at
  FROM marketo.activity_email_bounced_soft AS loaded
  UNION ALL
  SELECT
    16 AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    datetime(loaded.activity_date, 'UTC') AS activity_at
  FROM marketo.activity_open_email AS loaded
  UNION ALL
  SELECT
    CASE
      WHEN nullif(TRIM(loaded.link), '') IS NULL
      OR NOT (
        substr(lower(nullif(TRIM(loaded.link), '')), 1, 7) = 'mailto:'
        OR INSTR(lower(nullif(TRIM(loaded.link), '')), 'mkt_unsubscribe=1') > 0
      )
      THEN 256
      ELSE 16
    END AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    datetime(loaded.activity_date, 'UTC') AS activity_at
  FROM marketo.activity_click_email AS loaded
  UNION ALL
  SELECT
    1024 AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    datetime(loaded.activity_date, 'UTC') AS activity_at
  FROM marketo.activity_unsubscribe_email AS loaded
), event_latest_sends AS (
  /* An activity without a campaign belongs to that person's latest send of that email at or before it */
  SELECT
    candidates.campaign_id,
    candidates.email_id,
    candidates.person_id,
    candidates.activity_at
  FROM (
    SELECT
      counted_sends.campaign_id,
      email_events.email_id,
      email_events.person_id,
      email_events.activity_at,
      row_number() OVER (
        PARTITION BY email_events.email_id, email_events.person_id, email_events.activity_at
        ORDER BY counted_sends.activity_at DESC, counted_sends.campaign_id DESC
      ) AS send_place
    FROM email_events
    JOIN counted_sends
      ON email_events.email_id = counted_sends.email_id
      AND email_events.person_id = counted_sends.person_id
      AND email_events.activity_at >= counted_sends.activity_at
    WHERE
      email_events.campaign_id IS NULL
  ) AS candidates
  WHERE
    candidates.send_place = 1
), email_activities AS (
  /* Every activity with its campaign */
  SELECT
    1 AS happened,
    counted_sends.campaign_id,
    counted_sends.email_id,
    counted_sends.person_id,
    counted_sends.activity_at
  FROM counted_sends
  UNION ALL
  SELECT
    known.happened,
    known.campaign_id,
    known.email_id,
    known.person_id,
    known.activity_at
  FROM (
    SELECT
      email_events.campaign_id,
      email_events.happened,
      email_events.email_id,
      email_events.person_id,
      email_events.activity_at
    FROM email_events
    WHERE
      NOT email_events.campaign_id IS NULL
    UNION ALL
    SELECT
      event_latest_sends.campaign_id,
      email_events.happened,
      email_events.email_id,
      email_events.person_id,
      email_events.activity_at
    FROM email_events
    JOIN event_latest_sends
      ON email_events.email_id = event_latest_sends.email_id
      AND email_events.person_id = event_latest_sends.person_id
      AND email_events.activity_at = event_latest_sends.activity_at
    WHERE
      email_events.campaign_id IS NULL
  ) AS known
), gathered_activities AS (
  /* All that happened, for each campaign, email and person */
  SELECT
    email_activities.campaign_id,
    email_activities.email_id,
    email_activities.person_id,
    MIN(CASE WHEN email_activities.happened = 1 THEN email_activities.activity_at END) AS sent_at,
    MAX(email_activities.activity_at) AS last_activity_at,
    BIT_OR(email_activities.happened) AS happened
  FROM email_activities
  GROUP BY
    email_activities.campaign_id,
    email_activities.email_id,
    email_activities.person_id
), email_records AS (
  /* One row for each campaign, email and person, sent at the earliest send. record.needs-a-send; record.earliest-send; opened.click-implies-open; opened.unsubscribe-implies-open */
  SELECT
    gathered_activities.campaign_id,
    gathered_activities.email_id,
    gathered_activities.person_id,
    gathered_activities.sent_at,
    gathered_activities.last_activity_at,
    CASE WHEN (
      gathered_activities.happened & 2032
    ) <> 0 THEN 1 ELSE 0 END AS opened,
    CASE WHEN (
      gathered_activities.happened & 768
    ) <> 0 THEN 1 ELSE 0 END AS clicked,
    CASE WHEN (
      gathered_activities.happened & 1024
    ) <> 0 THEN 1 ELSE 0 END AS unsubscribed,
    CASE WHEN (
      gathered_activities.happened & 1424
    ) <> 0 THEN 1 ELSE 0 END AS human_opened,
    CASE WHEN (
      gathered_activities.happened & 256
    ) <> 0 THEN 1 ELSE 0 END AS human_clicked,
    CASE WHEN (
      gathered_activities.happened & 64
    ) <> 0 THEN 1 ELSE 0 END AS privacy_proxy_opened,
    CASE WHEN (
      gathered_activities.happened & 128
    ) <> 0 THEN 1 ELSE 0 END AS image_proxy_opened,
    CASE WHEN (
      gathered_activities.happened & 4
    ) <> 0 THEN 1 ELSE 0 END AS hard_bounced,
    CASE WHEN (
      gathered_activities.happened & 8
    ) <> 0 THEN 1 ELSE 0 END AS soft_bounced,
    CASE WHEN (
      gathered_activities.happened & 2
    ) <> 0 THEN 1 ELSE 0 END AS delivered
  FROM gathered_activities
  WHERE
    (
      gathered_activities.happened & 1
    ) <> 0
), record_outcomes AS (
  /* What became of each record, by the rules of the report */
  SELECT
    email_records.campaign_id,
    email_records.email_id,
    email_records.person_id,
    datetime_trunc(email_records.sent_at, DAY) AS sent_date,
    CASE
      WHEN email_records.opened = 1
      THEN 'Delivered'
      WHEN email_records.hard_bounced = 1
      THEN 'Hard Bounced'
      WHEN email_records.soft_bounced = 1
      THEN 'Soft Bounced'
      WHEN email_records.delivered = 1
      THEN 'Delivered'
      WHEN email_records.sent_at <= DATETIME_SUB(CURRENT_DATETIME('UTC'), INTERVAL '3' DAY)
      THEN 'Aborted'
      ELSE 'Pending'
    END AS status
  FROM email_records
), counted_records AS (
  /* Whether it counts as bounced, and how */
  SELECT
    record_outcomes.campaign_id,
    record_outcomes.email_id,
    record_outcomes.person_id,
    record_outcomes.sent_date,
    record_outcomes.status,
    CASE
      WHEN record_outcomes.status = 'Hard Bounced'
      THEN 1
      WHEN record_outcomes.status = 'Soft Bounced'
      THEN 2
      ELSE 0
    END AS bounced
  FROM record_outcomes
), newest_addresses AS (
  /* The newest address of each person */
  SELECT
    addresses.person_id,
    addresses.name AS address
  FROM (
    SELECT
      versions.person_id,
      versions.name
    FROM (
      SELECT
        loaded_versions.person_id,
        loaded_versions.name,
        row_number() OVER (
          PARTITION BY loaded_versions.person_id
          ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, loaded_versions.name
        ) AS version_place
      FROM (
        SELECT
          loaded.id AS person_id,
          nullif(TRIM(loaded.email), '') AS name,
          loaded.updated_at AS sort_key_1
        FROM marketo.lead AS loaded
      ) AS loaded_versions
    ) AS versions
    WHERE
      versions.version_place = 1
  ) AS addresses
  WHERE
    NOT addresses.person_id IS NULL
), address_domains AS (
  /* What stands behind the last @ of the address. The address goes no further */
  SELECT
    newest_addresses.person_id,
    CASE
      WHEN INSTR(newest_addresses.address, '@') > 0
      THEN lower(REGEXP_EXTRACT(newest_addresses.address, '[^@]*$'))
    END AS behind
  FROM newest_addresses
), people_with_domains AS (
  /* Nothing but a domain is taken for one */
  SELECT
    address_domains.person_id,
    CASE
      WHEN INSTR(address_domains.behind, ' ') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, '<') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, '>') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, '(') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, ')') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, '[') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, ']') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, '"') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, '\'') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, ',') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, ';') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, ':') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, '/') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, '&') > 0
      THEN NULL
      WHEN INSTR(address_domains.behind, '=') > 0
      THEN NULL
      WHEN address_domains.behind = ''
      THEN NULL
      WHEN length(address_domains.behind) > 253
      THEN NULL
      ELSE CAST(address_domains.behind AS STRING)
    END AS domain
  FROM address_domains
), domain_sizes AS (
  /* How many people each domain has */
  SELECT
    people_with_domains.domain,
    count(DISTINCT people_with_domains.person_id) AS people_count
  FROM people_with_domains
  GROUP BY
    people_with_domains.domain
), domains_of_people AS (
  SELECT
    people_with_domains.person_id,
    CASE
      WHEN people_with_domains.domain IS NULL
      THEN NULL
      WHEN domain_sizes.people_count < 5
      THEN 'Other domains'
      ELSE people_with_domains.domain
    END AS domain
  FROM people_with_domains
  LEFT OUTER JOIN domain_sizes
    ON people_with_domains.domain = domain_sizes.domain
), bounce_events AS (
  /* Bounces, 1 hard and 2 soft */
  SELECT
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    datetime(loaded.activity_date, 'UTC') AS activity_at,
    1 AS bounced,
    nullif(TRIM(loaded.category), '') AS category,
    nullif(TRIM(loaded.details), '') AS details,
    nullif(TRIM(loaded.email), '') AS address
  FROM marketo.activity_email_bounced AS loaded
  UNION ALL
  SELECT
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    datetime(loaded.activity_date, 'UTC') AS activity_at,
    2 AS bounced,
    nullif(TRIM(loaded.category), '') AS category,
    nullif(TRIM(loaded.details), '') AS details,
    nullif(TRIM(loaded.email), '') AS address
  FROM marketo.activity_email_bounced_soft AS loaded
), bounce_latest_sends AS (
  /* An activity without a campaign belongs to that person's latest send of that email at or before it */
  SELECT
    candidates.campaign_id,
    candidates.email_id,
    candidates.person_id,
    candidates.activity_at
  FROM (
    SELECT
      counted_sends.campaign_id,
      bounce_events.email_id,
      bounce_events.person_id,
      bounce_events.activity_at,
      row_number() OVER (
        PARTITION BY bounce_events.email_id, bounce_events.person_id, bounce_events.activity_at
        ORDER BY counted_sends.activity_at DESC, counted_sends.campaign_id DESC
      ) AS send_place
    FROM bounce_events
    JOIN counted_sends
      ON bounce_events.email_id = counted_sends.email_id
      AND bounce_events.person_id = counted_sends.person_id
      AND bounce_events.activity_at >= counted_sends.activity_at
    WHERE
      bounce_events.campaign_id IS NULL
  ) AS candidates
  WHERE
    candidates.send_place = 1
), placed_bounces AS (
  SELECT
    bounce_events.campaign_id,
    bounce_events.email_id,
    bounce_events.person_id,
    bounce_events.activity_at,
    bounce_events.bounced,
    bounce_events.category,
    bounce_events.details,
    bounce_events.address
  FROM bounce_events
  WHERE
    NOT bounce_events.campaign_id IS NULL
  UNION ALL
  SELECT
    bounce_latest_sends.campaign_id,
    bounce_events.email_id,
    bounce_events.person_id,
    bounce_events.activity_at,
    bounce_events.bounced,
    bounce_events.category,
    bounce_events.details,
    bounce_events.address
  FROM bounce_events
  JOIN bounce_latest_sends
    ON bounce_events.email_id = bounce_latest_sends.email_id
    AND bounce_events.person_id = bounce_latest_sends.person_id
    AND bounce_events.activity_at = bounce_latest_sends.activity_at
  WHERE
    bounce_events.campaign_id IS NULL
), bounce_texts AS (
  /* What the receiving servers answered, in one form. It goes no further than the next two steps */
  SELECT
    placed_bounces.campaign_id,
    placed_bounces.email_id,
    placed_bounces.person_id,
    placed_bounces.activity_at,
    placed_bounces.bounced,
    placed_bounces.address,
    placed_bounces.category,
    TRIM(
      replace(
        replace(
          replace(replace(replace(lower(placed_bounces.details), 'smtp;', ''), '#', ''), '-', ' '),
          ':',
          ' '
        ),
        ',',
        ' '
      )
    ) || ' ' AS answer
  FROM placed_bounces
), bounce_codes AS (
  /* An enhanced status code stands first, or behind the reply code */
  SELECT
    bounce_texts.campaign_id,
    bounce_texts.email_id,
    bounce_texts.person_id,
    bounce_texts.activity_at,
    bounce_texts.bounced,
    bounce_texts.address,
    bounce_texts.category,
    bounce_texts.answer,
    TRIM(
      CASE
        WHEN substr(bounce_texts.answer, 1, 1) IN ('4', '5')
        AND substr(bounce_texts.answer, 2, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
        AND substr(bounce_texts.answer, 3, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
        AND substr(bounce_texts.answer, 4, 1) = ' '
        THEN substr(bounce_texts.answer, 5)
        ELSE bounce_texts.answer
      END
    ) || ' ' AS code,
    CASE
      WHEN substr(bounce_texts.answer, 1, 1) = '4'
      THEN 400000
      WHEN substr(bounce_texts.answer, 1, 1) = '5'
      THEN 500000
    END AS reply,
    CASE
      WHEN substr(bounce_texts.answer, 1, 1) IN ('4', '5')
      AND substr(bounce_texts.answer, 2, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
      AND substr(bounce_texts.answer, 3, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
      AND substr(bounce_texts.answer, 4, 1) = ' '
      THEN 1
      ELSE 0
    END AS replied
  FROM bounce_texts
), bounce_reasons AS (
  /* The category, and the reason as a number: of the enhanced status code, else of a phrase, else of the reply */
  SELECT
    bounce_codes.campaign_id,
    bounce_codes.email_id,
    bounce_codes.person_id,
    bounce_codes.activity_at,
    bounce_codes.bounced,
    bounce_codes.address,
    CASE
      WHEN TRIM(bounce_codes.category) = '1'
      THEN 1
      WHEN TRIM(bounce_codes.category) = '2'
      THEN 2
      WHEN TRIM(bounce_codes.category) = '3'
      THEN 3
      WHEN TRIM(bounce_codes.category) = '4'
      THEN 4
      WHEN TRIM(bounce_codes.category) = '9'
      THEN 9
      ELSE 0
    END AS category,
    CASE
      WHEN bounce_codes.answer IS NULL
      THEN 0
      ELSE coalesce(
        CASE
          WHEN substr(bounce_codes.code, 1, 2) = '4.'
          THEN 400000
          WHEN substr(bounce_codes.code, 1, 2) = '5.'
          THEN 500000
        END + CASE
          WHEN substr(bounce_codes.code, 3, 4) = '1.1 '
          THEN 1001
          WHEN substr(bounce_codes.code, 3, 4) = '1.2 '
          THEN 1002
          WHEN substr(bounce_codes.code, 3, 4) = '1.3 '
          THEN 1003
          WHEN substr(bounce_codes.code, 3, 4) = '1.6 '
          THEN 1006
          WHEN substr(bounce_codes.code, 3, 4) = '1.8 '
          THEN 1008
          WHEN substr(bounce_codes.code, 3, 5) = '1.10 '
          THEN 1010
          WHEN substr(bounce_codes.code, 3, 4) = '2.1 '
          THEN 2001
          WHEN substr(bounce_codes.code, 3, 4) = '2.2 '
          THEN 2002
          WHEN substr(bounce_codes.code, 3, 4) = '2.3 '
          THEN 2003
          WHEN substr(bounce_codes.code, 3, 4) = '3.1 '
          THEN 3001
          WHEN substr(bounce_codes.code, 3, 4) = '3.2 '
          THEN 3002
          WHEN substr(bounce_codes.code, 3, 4) = '3.4 '
          THEN 3004
          WHEN substr(bounce_codes.code, 3, 4) = '4.1 '
          THEN 4001
          WHEN substr(bounce_codes.code, 3, 4) = '4.2 '
          THEN 4002
          WHEN substr(bounce_codes.code, 3, 4) = '4.4 '
          THEN 4004
          WHEN substr(bounce_codes.code, 3, 4) = '4.6 '
          THEN 4006
          WHEN substr(bounce_codes.code, 3, 4) = '4.7 '
          THEN 4007
          WHEN substr(bounce_codes.code, 3, 4) = '7.1 '
          THEN 7001
          WHEN substr(bounce_codes.code, 3, 5) = '7.20 '
          THEN 7020
          WHEN substr(bounce_codes.code, 3, 5) = '7.23 '
          THEN 7023
          WHEN substr(bounce_codes.code, 3, 5) = '7.25 '
          THEN 7025
          WHEN substr(bounce_codes.code, 3, 5) = '7.26 '
          THEN 7026
          WHEN substr(bounce_codes.code, 3, 5) = '7.28 '
          THEN 7028
          WHEN substr(bounce_codes.code, 3, 2) = '0.'
          AND substr(bounce_codes.code, 5, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
          THEN 999
          WHEN substr(bounce_codes.code, 3, 2) = '1.'
          AND substr(bounce_codes.code, 5, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
          THEN 1999
          WHEN substr(bounce_codes.code, 3, 2) = '2.'
          AND substr(bounce_codes.code, 5, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
          THEN 2999
          WHEN substr(bounce_codes.code, 3, 2) = '3.'
          AND substr(bounce_codes.code, 5, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
          THEN 3999
          WHEN substr(bounce_codes.code, 3, 2) = '4.'
          AND substr(bounce_codes.code, 5, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
          THEN 4999
          WHEN substr(bounce_codes.code, 3, 2) = '5.'
          AND substr(bounce_codes.code, 5, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
          THEN 5999
          WHEN substr(bounce_codes.code, 3, 2) = '6.'
          AND substr(bounce_codes.code, 5, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
          THEN 6999
          WHEN substr(bounce_codes.code, 3, 2) = '7.'
          AND substr(bounce_codes.code, 5, 1) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
          THEN 7999
        END,
        CASE
          WHEN INSTR(bounce_codes.answer, 'spam') > 0
          THEN 1
          WHEN INSTR(bounce_codes.answer, 'blocked') > 0
          OR INSTR(bounce_codes.answer, 'blacklist') > 0
          OR INSTR(bounce_codes.answer, 'blocklist') > 0
          OR INSTR(bounce_codes.answer, 'block list') > 0
          THEN 2
          WHEN INSTR(bounce_codes.answer, 'user unknown') > 0
          OR INSTR(bounce_codes.answer, 'unknown user') > 0
          OR INSTR(bounce_codes.answer, 'no such user') > 0
          OR INSTR(bounce_codes.answer, 'does not exist') > 0
          OR INSTR(bounce_codes.answer, 'recipient is invalid') > 0
          OR INSTR(bounce_codes.answer, 'invalid recipient') > 0
          OR INSTR(bounce_codes.answer, 'unknown recipient') > 0
          OR INSTR(bounce_codes.answer, 'recipient rejected') > 0
          OR INSTR(bounce_codes.answer, 'recipient address rejected') > 0
          THEN 3
          WHEN INSTR(bounce_codes.answer, 'quota') > 0
          OR INSTR(bounce_codes.answer, 'mailbox full') > 0
          OR INSTR(bounce_codes.answer, 'mailbox is full') > 0
          THEN 4
          WHEN INSTR(bounce_codes.answer, 'greylist') > 0
          OR INSTR(bounce_codes.answer, 'graylist') > 0
          OR INSTR(bounce_codes.answer, 'try again later') > 0
          THEN 5
          WHEN INSTR(bounce_codes.answer, 'relay') > 0
          THEN 6
          WHEN INSTR(bounce_codes.answer, 'no valid hosts') > 0
          OR INSTR(bounce_codes.answer, 'host not found') > 0
          OR INSTR(bounce_codes.answer, 'connect') > 0
          OR INSTR(bounce_codes.answer, 'timed out') > 0
          OR INSTR(bounce_codes.answer, 'timeout') > 0
          THEN 7
          WHEN INSTR(bounce_codes.answer, 'too large') > 0
          THEN 8
        END,
        CASE WHEN bounce_codes.replied = 1 THEN bounce_codes.reply END,
        999
      )
    END AS reason
  FROM bounce_codes
), decided_bounces AS (
  /* bounce.the-last-decides: of several bounces of a kind the last tells the reason */
  SELECT
    ranked.campaign_id,
    ranked.email_id,
    ranked.person_id,
    ranked.bounced,
    ranked.category,
    ranked.reason,
    ranked.address
  FROM (
    SELECT
      bounce_reasons.campaign_id,
      bounce_reasons.email_id,
      bounce_reasons.person_id,
      bounce_reasons.bounced,
      bounce_reasons.category,
      bounce_reasons.reason,
      bounce_reasons.address,
      row_number() OVER (
        PARTITION BY bounce_reasons.campaign_id, bounce_reasons.email_id, bounce_reasons.person_id, bounce_reasons.bounced
        ORDER BY bounce_reasons.activity_at DESC, bounce_reasons.category, bounce_reasons.reason, bounce_reasons.address
      ) AS bounce_place
    FROM bounce_reasons
  ) AS ranked
  WHERE
    ranked.bounce_place = 1
), bounces_that_decide AS (
  SELECT
    decided_bounces.campaign_id,
    decided_bounces.email_id,
    decided_bounces.person_id,
    decided_bounces.bounced,
    decided_bounces.category,
    decided_bounces.reason,
    CAST(NULL AS STRING) AS domain
  FROM decided_bounces
), records_with_domains AS (
  /* domain.of-the-address, or domain.of-the-bounce where the loader has no addresses of people */
  SELECT
    counted_records.campaign_id,
    counted_records.email_id,
    counted_records.sent_date,
    coalesce(domains_of_people.domain, bounces_that_decide.domain, 'Unknown') AS domain,
    CASE WHEN NOT bounces_that_decide.domain IS NULL THEN 1 ELSE 0 END AS by_bounce,
    counted_records.bounced,
    CASE
      WHEN counted_records.bounced <> 0
      THEN coalesce(bounces_that_decide.category, 0)
    END AS category,
    CASE
      WHEN counted_records.bounced <> 0
      THEN coalesce(bounces_that_decide.reason, 0)
    END AS reason,
    counted_records.status
  FROM counted_records
  LEFT OUTER JOIN domains_of_people
    ON counted_records.person_id = domains_of_people.person_id
  LEFT OUTER JOIN bounces_that_decide
    ON counted_records.campaign_id = bounces_that_decide.campaign_id
    AND counted_records.email_id = bounces_that_decide.email_id
    AND counted_records.person_id = bounces_that_decide.person_id
    AND counted_records.bounced = bounces_that_decide.bounced
), summed_records AS (
  /* One row for each campaign, email, day, domain and reason of a bounce; each record is in one of them */
  SELECT
    records_with_domains.campaign_id,
    records_with_domains.email_id,
    records_with_domains.sent_date,
    records_with_domains.domain,
    records_with_domains.bounced,
    records_with_domains.category,
    records_with_domains.reason,
    MAX(records_with_domains.by_bounce) AS by_bounce,
    count(*) AS sent_count,
    CAST(sum(CASE WHEN records_with_domains.status = 'Delivered' THEN 1 ELSE 0 END) AS INT64) AS delivered_count,
    CAST(sum(CASE WHEN records_with_domains.status = 'Hard Bounced' THEN 1 ELSE 0 END) AS INT64) AS hard_bounced_count,
    CAST(sum(CASE WHEN records_with_domains.status = 'Soft Bounced' THEN 1 ELSE 0 END) AS INT64) AS soft_bounced_count,
    CAST(sum(CASE WHEN records_with_domains.status = 'Pending' THEN 1 ELSE 0 END) AS INT64) AS pending_count,
    CAST(sum(CASE WHEN records_with_domains.status = 'Aborted' THEN 1 ELSE 0 END) AS INT64) AS aborted_count
  FROM records_with_domains
  GROUP BY
    records_with_domains.campaign_id,
    records_with_domains.email_id,
    records_with_domains.sent_date,
    records_with_domains.domain,
    records_with_domains.bounced,
    records_with_domains.category,
    records_with_domains.reason
), deliverability_rollup AS (
  /* Where bounces alone tell an address, a domain's share of bounces is not known */
  SELECT
    summed_records.campaign_id,
    summed_records.email_id,
    summed_records.sent_date,
    summed_records.domain,
    summed_records.bounced,
    summed_records.category,
    summed_records.reason,
    summed_records.sent_count,
    summed_records.delivered_count,
    summed_records.hard_bounced_count,
    summed_records.soft_bounced_count,
    summed_records.pending_count,
    summed_records.aborted_count,
    CASE WHEN MAX(summed_records.by_bounce) OVER () = 1 THEN 0 ELSE 1 END AS rates_by_domain
  FROM summed_records
), newest_campaigns AS (
  /* The newest version of each asset */
  SELECT
    versions.campaign_id,
    versions.name,
    versions.program_id,
    versions.program_name,
    versions.workspace,
    versions.active,
    versions.archived
  FROM (
    SELECT
      loaded_versions.campaign_id,
      loaded_versions.name,
      loaded_versions.program_id,
      loaded_versions.program_name,
      loaded_versions.workspace,
      loaded_versions.active,
      loaded_versions.archived,
      row_number() OVER (
        PARTITION BY loaded_versions.campaign_id
        ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        loaded.id AS campaign_id,
        nullif(TRIM(loaded.name), '') AS name,
        loaded.program_id,
        CAST(NULL AS STRING) AS program_name,
        nullif(TRIM(loaded.workspace_name), '') AS workspace,
        CASE
          WHEN lower(TRIM(CAST(loaded.active AS STRING))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b\'1\'')
          THEN 'Yes'
          WHEN lower(TRIM(CAST(loaded.active AS STRING))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b\'0\'')
          THEN 'No'
        END AS active,
        CASE
          WHEN lower(TRIM(CAST(loaded._fivetran_deleted AS STRING))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b\'1\'')
          THEN 'Yes'
          WHEN lower(TRIM(CAST(loaded._fivetran_deleted AS STRING))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b\'0\'')
          THEN 'No'
        END AS archived,
        loaded.updated_at AS sort_key_1
      FROM marketo.campaign AS loaded
    ) AS loaded_versions
  ) AS versions
  WHERE
    versions.version_place = 1
), newest_programs AS (
  /* The newest version of each asset */
  SELECT
    versions.program_id,
    versions.name,
    versions.workspace
  FROM (
    SELECT
      loaded_versions.program_id,
      loaded_versions.name,
      loaded_versions.workspace,
      row_number() OVER (
        PARTITION BY loaded_versions.program_id
        ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        loaded.id AS program_id,
        nullif(TRIM(loaded.name), '') AS name,
        nullif(TRIM(loaded.workspace), '') AS workspace,
        loaded.updated_at AS sort_key_1
      FROM marketo.program AS loaded
    ) AS loaded_versions
  ) AS versions
  WHERE
    versions.version_place = 1
), email_assets AS (
  /* The newest approved version of each asset, else the newest */
  SELECT
    versions.email_id,
    versions.name,
    versions.subject,
    versions.operational,
    versions.archived,
    versions.workspace
  FROM (
    SELECT
      loaded_versions.email_id,
      loaded_versions.name,
      loaded_versions.subject,
      loaded_versions.operational,
      loaded_versions.archived,
      loaded_versions.workspace,
      row_number() OVER (
        PARTITION BY loaded_versions.email_id
        ORDER BY CASE WHEN loaded_versions.preference IS NULL THEN 1 ELSE 0 END, loaded_versions.preference DESC, CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, CASE WHEN loaded_versions.sort_key_2 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_2 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        loaded.id AS email_id,
        nullif(TRIM(loaded.name), '') AS name,
        nullif(
          TRIM(
            CASE
              WHEN substr(loaded.subject, 1, 1) = '{' AND INSTR(loaded.subject, '"value"') > 0
              THEN JSON_VALUE(loaded.subject, '$.value')
              ELSE loaded.subject
            END
          ),
          ''
        ) AS subject,
        CASE
          WHEN lower(TRIM(CAST(loaded.operational AS STRING))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b\'1\'')
          THEN 'Yes'
          WHEN lower(TRIM(CAST(loaded.operational AS STRING))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b\'0\'')
          THEN 'No'
        END AS operational,
        CAST(NULL AS STRING) AS archived,
        nullif(TRIM(loaded.workspace), '') AS workspace,
        CASE WHEN lower(nullif(TRIM(loaded.status), '')) = 'approved' THEN 1 ELSE 0 END AS preference,
        loaded.updated_at AS sort_key_1,
        loaded.version AS sort_key_2
      FROM marketo.email_template_history AS loaded
    ) AS loaded_versions
  ) AS versions
  WHERE
    versions.version_place = 1
), sent_email_names AS (
  /* What sends call their email, each name once */
  SELECT
    loaded.primary_attribute_value_id AS email_id,
    nullif(TRIM(loaded.primary_attribute_value), '') AS name,
    MAX(datetime(loaded.activity_date, 'UTC')) AS named_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT coalesce(lower(nullif(TRIM(loaded.action_result), '')), '') IN ('skipped', 'failed')
    )
    AND NOT loaded.primary_attribute_value_id IS NULL
    AND NOT nullif(TRIM(loaded.primary_attribute_value), '') IS NULL
  GROUP BY
    loaded.primary_attribute_value_id,
    nullif(TRIM(loaded.primary_attribute_value), '')
), logged_email_names AS (
  SELECT
    versions.email_id,
    versions.name
  FROM (
    SELECT
      loaded_versions.email_id,
      loaded_versions.name,
      row_number() OVER (
        PARTITION BY loaded_versions.email_id
        ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        sent_email_names.email_id,
        sent_email_names.name,
        sent_email_names.named_at AS sort_key_1
      FROM sent_email_names
    ) AS loaded_versions
  ) AS versions
  WHERE
    versions.version_place = 1
), newest_emails AS (
  /* An email's name is that of the table of emails, else that of its newest send */
  SELECT
    `both`.email_id,
    coalesce(
      MAX(CASE WHEN `both`.logged = 0 THEN `both`.name END),
      MAX(CASE WHEN `both`.logged = 1 THEN `both`.name END)
    ) AS name,
    MAX(`both`.subject) AS subject,
    MAX(`both`.operational) AS operational,
    MAX(`both`.archived) AS archived,
    MAX(`both`.workspace) AS workspace
  FROM (
    SELECT
      email_assets.email_id,
      0 AS logged,
      email_assets.name,
      email_assets.subject,
      email_assets.operational,
      email_assets.archived,
      email_assets.workspace
    FROM email_assets
    UNION ALL
    SELECT
      logged_email_names.email_id,
      1 AS logged,
      logged_email_names.name,
      CAST(NULL AS STRING) AS subject,
      CAST(NULL AS STRING) AS operational,
      CAST(NULL AS STRING) AS archived,
      CAST(NULL AS STRING) AS workspace
    FROM logged_email_names
  ) AS `both`
  GROUP BY
    `both`.email_id
)
/* Domains and bounces with names. A name that is missing shows the id */
SELECT
  CAST(NULL AS STRING) AS source_name,
  coalesce(newest_campaigns.workspace, newest_programs.workspace, newest_emails.workspace) AS workspace,
  newest_campaigns.program_id,
  coalesce(
    coalesce(newest_programs.name, newest_campaigns.program_name),
    CAST(newest_campaigns.program_id AS STRING)
  ) AS program_name,
  nullif(deliverability_rollup.campaign_id, 0) AS campaign_id,
  CASE
    WHEN deliverability_rollup.campaign_id = 0
    THEN 'Unknown campaign'
    ELSE coalesce(newest_campaigns.name, CAST(deliverability_rollup.campaign_id AS STRING))
  END AS campaign_name,
  newest_campaigns.active AS campaign_active,
  deliverability_rollup.email_id,
  coalesce(newest_emails.name, CAST(deliverability_rollup.email_id AS STRING)) AS email_name,
  newest_emails.subject AS email_subject,
  newest_emails.operational,
  deliverability_rollup.sent_date,
  CASE
    WHEN INSTR(coalesce(newest_emails.name, CAST(deliverability_rollup.email_id AS STRING)), '<') > 0
    THEN '<span>' || replace(
      replace(
        replace(
          coalesce(newest_emails.name, CAST(deliverability_rollup.email_id AS STRING)),
          '&',
          '&amp;'
        ),
        '<',
        '&lt;'
      ),
      '>',
      '&gt;'
    ) || '</span>'
    ELSE coalesce(newest_emails.name, CAST(deliverability_rollup.email_id AS STRING))
  END AS email_label,
  substr(CAST(deliverability_rollup.sent_date AS STRING), 1, 10) AS sent_day,
  substr(CAST(datetime_trunc(deliverability_rollup.sent_date, WEEK(MONDAY)) AS STRING), 1, 10) AS sent_week,
  CASE
    WHEN INSTR(
      coalesce(
        coalesce(newest_programs.name, newest_campaigns.program_name),
        CAST(newest_campaigns.program_id AS STRING)
      ),
      '<'
    ) > 0
    THEN '<span>' || replace(
      replace(
        replace(
          coalesce(
            coalesce(newest_programs.name, newest_campaigns.program_name),
            CAST(newest_campaigns.program_id AS STRING)
          ),
          '&',
          '&amp;'
        ),
        '<',
        '&lt;'
      ),
      '>',
      '&gt;'
    ) || '</span>'
    ELSE coalesce(
      coalesce(newest_programs.name, newest_campaigns.program_name),
      CAST(newest_campaigns.program_id AS STRING)
    )
  END AS program_label,
  CASE
    WHEN INSTR(
      CASE
        WHEN (
          deliverability_rollup.campaign_id = 0
        )
        THEN 'Unknown campaign'
        ELSE coalesce(newest_campaigns.name, CAST(deliverability_rollup.campaign_id AS STRING))
      END,
      '<'
    ) > 0
    THEN '<span>' || replace(
      replace(
        replace(
          CASE
            WHEN deliverability_rollup.campaign_id = 0
            THEN 'Unknown campaign'
            ELSE coalesce(newest_campaigns.name, CAST(deliverability_rollup.campaign_id AS STRING))
          END,
          '&',
          '&amp;'
        ),
        '<',
        '&lt;'
      ),
      '>',
      '&gt;'
    ) || '</span>'
    ELSE CASE
      WHEN deliverability_rollup.campaign_id = 0
      THEN 'Unknown campaign'
      ELSE coalesce(newest_campaigns.name, CAST(deliverability_rollup.campaign_id AS STRING))
    END
  END AS campaign_label,
  deliverability_rollup.domain,
  deliverability_rollup.rates_by_domain,
  CASE
    WHEN deliverability_rollup.bounced = 1
    THEN 'Hard'
    WHEN deliverability_rollup.bounced = 2
    THEN 'Soft'
    ELSE 'Did not bounce'
  END AS bounce_kind,
  CASE
    WHEN deliverability_rollup.category = 1
    THEN 'Blocked as spam'
    WHEN deliverability_rollup.category = 2
    THEN 'Invalid address'
    WHEN deliverability_rollup.category = 3
    THEN 'Mailbox full or out of reach for now'
    WHEN deliverability_rollup.category = 4
    THEN 'Technical problem'
    WHEN deliverability_rollup.category = 9
    THEN 'Not known to Marketo'
    WHEN deliverability_rollup.category = 0
    THEN 'Not stated in the log'
    ELSE 'Did not bounce'
  END AS bounce_category,
  CASE
    WHEN deliverability_rollup.reason = 0
    THEN 'Not stated in the log'
    WHEN deliverability_rollup.reason = 999
    THEN 'Another reason'
    WHEN deliverability_rollup.reason = 1
    THEN 'Blocked as spam'
    WHEN deliverability_rollup.reason = 2
    THEN 'Blocked by the receiver'
    WHEN deliverability_rollup.reason = 3
    THEN 'No such mailbox'
    WHEN deliverability_rollup.reason = 4
    THEN 'Mailbox full'
    WHEN deliverability_rollup.reason = 5
    THEN 'Asked to try again later'
    WHEN deliverability_rollup.reason = 6
    THEN 'Relaying refused'
    WHEN deliverability_rollup.reason = 7
    THEN 'No connection to the mail server'
    WHEN deliverability_rollup.reason = 8
    THEN 'Message too large'
    WHEN deliverability_rollup.reason = 400000
    THEN '4xx Refused for now, without a code'
    WHEN deliverability_rollup.reason = 500000
    THEN '5xx Refused for good, without a code'
    WHEN deliverability_rollup.reason = 400999
    THEN '4.0.x Other problem'
    WHEN deliverability_rollup.reason = 401999
    THEN '4.1.x Problem with the address'
    WHEN deliverability_rollup.reason = 402999
    THEN '4.2.x Problem with the mailbox'
    WHEN deliverability_rollup.reason = 403999
    THEN '4.3.x Problem of the mail server'
    WHEN deliverability_rollup.reason = 404999
    THEN '4.4.x Problem of the network'
    WHEN deliverability_rollup.reason = 405999
    THEN '4.5.x Servers did not understand each other'
    WHEN deliverability_rollup.reason = 406999
    THEN '4.6.x Form of the message not supported'
    WHEN deliverability_rollup.reason = 407999
    THEN '4.7.x Refused by a policy'
    WHEN deliverability_rollup.reason = 401001
    THEN '4.1.1 No such mailbox'
    WHEN deliverability_rollup.reason = 401002
    THEN '4.1.2 No such domain'
    WHEN deliverability_rollup.reason = 401003
    THEN '4.1.3 Address not valid'
    WHEN deliverability_rollup.reason = 401006
    THEN '4.1.6 Mailbox has moved'
    WHEN deliverability_rollup.reason = 401008
    THEN '4.1.8 Sender\'s domain not accepted'
    WHEN deliverability_rollup.reason = 401010
    THEN '4.1.10 Domain takes no email'
    WHEN deliverability_rollup.reason = 402001
    THEN '4.2.1 Mailbox switched off'
    WHEN deliverability_rollup.reason = 402002
    THEN '4.2.2 Mailbox full'
    WHEN deliverability_rollup.reason = 402003
    THEN '4.2.3 Message too large for the mailbox'
    WHEN deliverability_rollup.reason = 403001
    THEN '4.3.1 Mail server full'
    WHEN deliverability_rollup.reason = 403002
    THEN '4.3.2 Mail server takes no messages now'
    WHEN deliverability_rollup.reason = 403004
    THEN '4.3.4 Message too large'
    WHEN deliverability_rollup.reason = 404001
    THEN '4.4.1 Mail server does not answer'
    WHEN deliverability_rollup.reason = 404002
    THEN '4.4.2 Connection broke off'
    WHEN deliverability_rollup.reason = 404004
    THEN '4.4.4 No way to the mail server'
    WHEN deliverability_rollup.reason = 404006
    THEN '4.4.6 Message went in a circle'
    WHEN deliverability_rollup.reason = 404007
    THEN '4.4.7 Not delivered in time'
    WHEN deliverability_rollup.reason = 407001
    THEN '4.7.1 Asked to try again later'
    WHEN deliverability_rollup.reason = 407020
    THEN '4.7.20 No valid DKIM signature'
    WHEN deliverability_rollup.reason = 407023
    THEN '4.7.23 SPF check failed'
    WHEN deliverability_rollup.reason = 407025
    THEN '4.7.25 Sender\'s server has no name'
    WHEN deliverability_rollup.reason = 407026
    THEN '4.7.26 Sender not proven by SPF or DKIM'
    WHEN deliverability_rollup.reason = 407028
    THEN '4.7.28 Too many messages at once'
    WHEN deliverability_rollup.reason = 500999
    THEN '5.0.x Other problem'
    WHEN deliverability_rollup.reason = 501999
    THEN '5.1.x Problem with the address'
    WHEN deliverability_rollup.reason = 502999
    THEN '5.2.x Problem with the mailbox'
    WHEN deliverability_rollup.reason = 503999
    THEN '5.3.x Problem of the mail server'
    WHEN deliverability_rollup.reason = 504999
    THEN '5.4.x Problem of the network'
    WHEN deliverability_rollup.reason = 505999
    THEN '5.5.x Servers did not understand each other'
    WHEN deliverability_rollup.reason = 506999
    THEN '5.6.x Form of the message not supported'
    WHEN deliverability_rollup.reason = 507999
    THEN '5.7.x Refused by a policy'
    WHEN deliverability_rollup.reason = 501001
    THEN '5.1.1 No such mailbox'
    WHEN deliverability_rollup.reason = 501002
    THEN '5.1.2 No such domain'
    WHEN deliverability_rollup.reason = 501003
    THEN '5.1.3 Address not valid'
    WHEN deliverability_rollup.reason = 501006
    THEN '5.1.6 Mailbox has moved'
    WHEN deliverability_rollup.reason = 501008
    THEN '5.1.8 Sender\'s domain not accepted'
    WHEN deliverability_rollup.reason = 501010
    THEN '5.1.10 Domain takes no email'
    WHEN deliverability_rollup.reason = 502001
    THEN '5.2.1 Mailbox switched off'
    WHEN deliverability_rollup.reason = 502002
    THEN '5.2.2 Mailbox full'
    WHEN deliverability_rollup.reason = 502003
    THEN '5.2.3 Message too large for the mailbox'
    WHEN deliverability_rollup.reason = 503001
    THEN '5.3.1 Mail server full'
    WHEN deliverability_rollup.reason = 503002
    THEN '5.3.2 Mail server takes no messages now'
    WHEN deliverability_rollup.reason = 503004
    THEN '5.3.4 Message too large'
    WHEN deliverability_rollup.reason = 504001
    THEN '5.4.1 Recipient refused, or no answer'
    WHEN deliverability_rollup.reason = 504002
    THEN '5.4.2 Connection broke off'
    WHEN deliverability_rollup.reason = 504004
    THEN '5.4.4 No way to the mail server'
    WHEN deliverability_rollup.reason = 504006
    THEN '5.4.6 Message went in a circle'
    WHEN deliverability_rollup.reason = 504007
    THEN '5.4.7 Not delivered in time'
    WHEN deliverability_rollup.reason = 507001
    THEN '5.7.1 Message refused by a policy'
    WHEN deliverability_rollup.reason = 507020
    THEN '5.7.20 No valid DKIM signature'
    WHEN deliverability_rollup.reason = 507023
    THEN '5.7.23 SPF check failed'
    WHEN deliverability_rollup.reason = 507025
    THEN '5.7.25 Sender\'s server has no name'
    WHEN deliverability_rollup.reason = 507026
    THEN '5.7.26 Sender not proven by SPF or DKIM'
    WHEN deliverability_rollup.reason = 507028
    THEN '5.7.28 Too many messages at once'
    ELSE 'Did not bounce'
  END AS bounce_reason,
  30 AS watch_per_mille,
  100 AS refuse_per_mille,
  20 AS light_least_sent,
  deliverability_rollup.sent_count,
  deliverability_rollup.delivered_count,
  deliverability_rollup.hard_bounced_count,
  deliverability_rollup.soft_bounced_count,
  deliverability_rollup.pending_count,
  deliverability_rollup.aborted_count
FROM deliverability_rollup
LEFT OUTER JOIN newest_campaigns
  ON deliverability_rollup.campaign_id = newest_campaigns.campaign_id
LEFT OUTER JOIN newest_programs
  ON newest_campaigns.program_id = newest_programs.program_id
LEFT OUTER JOIN newest_emails
  ON deliverability_rollup.email_id = newest_emails.email_id
