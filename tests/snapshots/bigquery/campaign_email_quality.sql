WITH email_log AS (
  /* Every row of the log that the report reads */
  SELECT
    log_rows.kind,
    log_rows.campaign_id,
    log_rows.email_id,
    log_rows.person_id,
    log_rows.activity_at,
    log_rows.activity_id
  FROM (
    SELECT
      'sent' AS kind,
      coalesce(loaded.campaign_id, 0) AS campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at,
      nullif(TRIM(CAST(loaded.id AS STRING)), '') AS activity_id
    FROM marketo.activity_send_email AS loaded
    WHERE
      (
        NOT coalesce(lower(nullif(TRIM(loaded.action_result), '')), '') IN ('skipped', 'failed')
      )
    UNION ALL
    SELECT
      'delivered' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at,
      nullif(TRIM(CAST(loaded.id AS STRING)), '') AS activity_id
    FROM marketo.activity_email_delivered AS loaded
    UNION ALL
    SELECT
      'hard bounced' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at,
      nullif(TRIM(CAST(loaded.id AS STRING)), '') AS activity_id
    FROM marketo.activity_email_bounced AS loaded
    UNION ALL
    SELECT
      'soft bounced' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at,
      nullif(TRIM(CAST(loaded.id AS STRING)), '') AS activity_id
    FROM marketo.activity_email_bounced_soft AS loaded
    UNION ALL
    SELECT
      'opened' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at,
      nullif(TRIM(CAST(loaded.id AS STRING)), '') AS activity_id
    FROM marketo.activity_open_email AS loaded
    UNION ALL
    SELECT
      'clicked' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at,
      nullif(TRIM(CAST(loaded.id AS STRING)), '') AS activity_id
    FROM marketo.activity_click_email AS loaded
    UNION ALL
    SELECT
      'unsubscribed' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at,
      nullif(TRIM(CAST(loaded.id AS STRING)), '') AS activity_id
    FROM marketo.activity_unsubscribe_email AS loaded
  ) AS log_rows
), log_totals AS (
  /* One row for each kind of activity */
  SELECT
    email_log.kind,
    count(*) AS row_count,
    CAST(sum(
      CASE
        WHEN email_log.email_id IS NULL OR email_log.person_id IS NULL
        THEN 1
        ELSE 0
      END
    ) AS INT64) AS incomplete_count,
    CAST(sum(CASE WHEN coalesce(email_log.campaign_id, 0) = 0 THEN 1 ELSE 0 END) AS INT64) AS no_campaign_count,
    count(email_log.activity_id) - count(DISTINCT (
      email_log.activity_id
    )) AS repeated_count,
    MIN(email_log.activity_at) AS first_at,
    MAX(email_log.activity_at) AS last_at
  FROM email_log
  GROUP BY
    email_log.kind
), checks AS (
  /* What is looked for */
  SELECT
    1 AS place,
    'problem' AS severity,
    'Values that cannot be read' AS finding,
    '' AS advice
  UNION ALL
  SELECT
    2 AS place,
    'problem' AS severity,
    'No activity for the last 3 days' AS finding,
    'Emails sent since then are missing, and what is pending turns into aborted. See whether the loader still runs.' AS advice
  UNION ALL
  SELECT
    3 AS place,
    'notice' AS severity,
    'One column in several spellings' AS finding,
    'They are one column to the report: the first of them counts, and the others where it is null.' AS advice
  UNION ALL
  SELECT
    4 AS place,
    'notice' AS severity,
    'Missing table' AS finding,
    '' AS advice
  UNION ALL
  SELECT
    5 AS place,
    'notice' AS severity,
    'Missing column' AS finding,
    '' AS advice
  UNION ALL
  SELECT
    6 AS place,
    'notice' AS severity,
    'Not in the layout' AS finding,
    '' AS advice
  UNION ALL
  SELECT
    7 AS place,
    'notice' AS severity,
    'Nothing in the log for more than 3 days' AS finding,
    'A log in use has rows every day. Load the time between anew, or the figures of these days stay too low.' AS advice
  UNION ALL
  SELECT
    8 AS place,
    'notice' AS severity,
    'Activities without a send' AS finding,
    'They are in no figure: their send is not in the log. Many of them mean that sends are missing.' AS advice
  UNION ALL
  SELECT
    9 AS place,
    'notice' AS severity,
    'Activities older than the first send' AS finding,
    'Marketo gives a loader sends and deliveries of the last 90 days, opens and clicks of 25 months. What is older than the first send can be in no figure; choose time ranges that begin after it.' AS advice
  UNION ALL
  SELECT
    10 AS place,
    'notice' AS severity,
    'Sends older than the first delivery' AS finding,
    'Their deliveries are not in the log, so all that nobody opened are Aborted. Choose time ranges that begin later.' AS advice
  UNION ALL
  SELECT
    11 AS place,
    'notice' AS severity,
    'Activities more than a day before their send' AS finding,
    'They count, since the order of activities does not matter, but a clock or a campaign id is probably wrong.' AS advice
  UNION ALL
  SELECT
    12 AS place,
    'notice' AS severity,
    'Sends without any outcome' AS finding,
    'After three days they are Aborted. Many of one age mean that deliveries of that time are missing.' AS advice
  UNION ALL
  SELECT
    13 AS place,
    'notice' AS severity,
    'Rows without an email or a person' AS finding,
    'They are in no figure: nobody can tell whom they are about.' AS advice
  UNION ALL
  SELECT
    14 AS place,
    'notice' AS severity,
    'Campaigns without a name' AS finding,
    'The report shows their ids. Let the loader bring the table of campaigns.' AS advice
  UNION ALL
  SELECT
    15 AS place,
    'notice' AS severity,
    'Emails without a name' AS finding,
    'The report shows their ids. Let the loader bring the table of emails.' AS advice
  UNION ALL
  SELECT
    16 AS place,
    'fine' AS severity,
    'Rows in the log' AS finding,
    'What the loader brought.' AS advice
  UNION ALL
  SELECT
    17 AS place,
    'fine' AS severity,
    'Last sync of the loader' AS finding,
    'When the loader last wrote a row, by its own sync column.' AS advice
  UNION ALL
  SELECT
    18 AS place,
    'fine' AS severity,
    'Rows without a campaign' AS finding,
    'They belong to the person\'s latest send of the email at or before them.' AS advice
  UNION ALL
  SELECT
    19 AS place,
    'fine' AS severity,
    'Repeated rows' AS finding,
    'They change nothing: each activity counts once.' AS advice
  UNION ALL
  SELECT
    20 AS place,
    'fine' AS severity,
    'Activities shortly before their send' AS finding,
    'They count: Marketo\'s own log stamps deliveries a second before their sends.' AS advice
  UNION ALL
  SELECT
    21 AS place,
    'fine' AS severity,
    'Skipped or failed sends' AS finding,
    'Marketo logged them, but nothing was sent; they are in no figure.' AS advice
  UNION ALL
  SELECT
    22 AS place,
    'fine' AS severity,
    'Merges of people' AS finding,
    'Each activity counts for the id that it was logged for, as in Marketo\'s report, so a person counts for each id that was sent the email. The setting people: merged counts them once, hidden leaves them out.' AS advice
  UNION ALL
  SELECT
    23 AS place,
    'fine' AS severity,
    'Deleted people' AS finding,
    'They stay in the figures. The setting people: hidden, or leave_out_deleted, leaves them out.' AS advice
), log_days AS (
  /* Days on which anything happened */
  SELECT DISTINCT
    datetime_trunc(email_log.activity_at, DAY) AS day
  FROM email_log
), counted_sends AS (
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
), record_status AS (
  /* status.one-each: the first that holds of status.open-beats-bounce, status.hard-bounce-beats-soft, status.soft-bounce-beats-delivery, status.delivered, status.aborted-after-three-days */
  SELECT
    email_records.campaign_id,
    email_records.email_id,
    email_records.sent_at,
    email_records.last_activity_at,
    email_records.opened,
    email_records.clicked,
    email_records.unsubscribed,
    email_records.human_opened,
    email_records.human_clicked,
    email_records.privacy_proxy_opened,
    email_records.image_proxy_opened,
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
), known_campaigns AS (
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
), known_emails AS (
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
), complete_events AS (
  /* What happened to the emails, and to whom */
  SELECT
    rows_of_events.kind,
    rows_of_events.campaign_id,
    rows_of_events.email_id,
    rows_of_events.person_id,
    rows_of_events.activity_at
  FROM (
    SELECT
      'delivered' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at
    FROM marketo.activity_email_delivered AS loaded
    UNION ALL
    SELECT
      'hard bounced' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at
    FROM marketo.activity_email_bounced AS loaded
    UNION ALL
    SELECT
      'soft bounced' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at
    FROM marketo.activity_email_bounced_soft AS loaded
    UNION ALL
    SELECT
      'opened' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at
    FROM marketo.activity_open_email AS loaded
    UNION ALL
    SELECT
      'clicked' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at
    FROM marketo.activity_click_email AS loaded
    UNION ALL
    SELECT
      'unsubscribed' AS kind,
      loaded.campaign_id,
      loaded.primary_attribute_value_id AS email_id,
      loaded.lead_id AS person_id,
      datetime(loaded.activity_date, 'UTC') AS activity_at
    FROM marketo.activity_unsubscribe_email AS loaded
  ) AS rows_of_events
  WHERE
    NOT rows_of_events.email_id IS NULL AND NOT rows_of_events.person_id IS NULL
), complete_event_latest_sends AS (
  /* An activity without a campaign belongs to that person's latest send of that email at or before it */
  SELECT
    candidates.campaign_id,
    candidates.email_id,
    candidates.person_id,
    candidates.activity_at
  FROM (
    SELECT
      counted_sends.campaign_id,
      complete_events.email_id,
      complete_events.person_id,
      complete_events.activity_at,
      row_number() OVER (
        PARTITION BY complete_events.email_id, complete_events.person_id, complete_events.activity_at
        ORDER BY counted_sends.activity_at DESC, counted_sends.campaign_id DESC
      ) AS send_place
    FROM complete_events
    JOIN counted_sends
      ON complete_events.email_id = counted_sends.email_id
      AND complete_events.person_id = counted_sends.person_id
      AND complete_events.activity_at >= counted_sends.activity_at
    WHERE
      complete_events.campaign_id IS NULL
  ) AS candidates
  WHERE
    candidates.send_place = 1
), placed_events AS (
  /* Every event with its campaign, as far as one is known */
  SELECT
    complete_events.kind,
    coalesce(complete_events.campaign_id, complete_event_latest_sends.campaign_id) AS campaign_id,
    complete_events.email_id,
    complete_events.person_id,
    complete_events.activity_at
  FROM complete_events
  LEFT OUTER JOIN complete_event_latest_sends
    ON complete_events.email_id = complete_event_latest_sends.email_id
    AND complete_events.person_id = complete_event_latest_sends.person_id
    AND complete_events.activity_at = complete_event_latest_sends.activity_at
), sent_records AS (
  /* When each email record was sent */
  SELECT
    counted_sends.campaign_id,
    counted_sends.email_id,
    counted_sends.person_id,
    MIN(counted_sends.activity_at) AS sent_at
  FROM counted_sends
  GROUP BY
    counted_sends.campaign_id,
    counted_sends.email_id,
    counted_sends.person_id
), events_with_sends AS (
  /* Events beside the sends that they belong to */
  SELECT
    placed_events.kind,
    count(*) AS event_count,
    CAST(sum(CASE WHEN sent_records.sent_at IS NULL THEN 1 ELSE 0 END) AS INT64) AS orphan_count,
    MIN(CASE WHEN sent_records.sent_at IS NULL THEN placed_events.activity_at END) AS orphan_first_at,
    MAX(CASE WHEN sent_records.sent_at IS NULL THEN placed_events.activity_at END) AS orphan_last_at,
    CAST(sum(
      CASE
        WHEN placed_events.activity_at < DATETIME_SUB(sent_records.sent_at, INTERVAL '1' DAY)
        THEN 1
        ELSE 0
      END
    ) AS INT64) AS long_before_count,
    MIN(
      CASE
        WHEN placed_events.activity_at < DATETIME_SUB(sent_records.sent_at, INTERVAL '1' DAY)
        THEN placed_events.activity_at
      END
    ) AS long_before_first_at,
    MAX(
      CASE
        WHEN placed_events.activity_at < DATETIME_SUB(sent_records.sent_at, INTERVAL '1' DAY)
        THEN placed_events.activity_at
      END
    ) AS long_before_last_at,
    CAST(sum(
      CASE
        WHEN placed_events.activity_at >= DATETIME_SUB(sent_records.sent_at, INTERVAL '1' DAY)
        AND placed_events.activity_at < sent_records.sent_at
        THEN 1
        ELSE 0
      END
    ) AS INT64) AS before_count,
    MIN(
      CASE
        WHEN placed_events.activity_at >= DATETIME_SUB(sent_records.sent_at, INTERVAL '1' DAY)
        AND placed_events.activity_at < sent_records.sent_at
        THEN placed_events.activity_at
      END
    ) AS before_first_at,
    MAX(
      CASE
        WHEN placed_events.activity_at >= DATETIME_SUB(sent_records.sent_at, INTERVAL '1' DAY)
        AND placed_events.activity_at < sent_records.sent_at
        THEN placed_events.activity_at
      END
    ) AS before_last_at
  FROM placed_events
  LEFT OUTER JOIN sent_records
    ON placed_events.campaign_id = sent_records.campaign_id
    AND placed_events.email_id = sent_records.email_id
    AND placed_events.person_id = sent_records.person_id
  GROUP BY
    placed_events.kind
), unreadable_1 AS (
  /* Values of activity_merge_leads.merge_ids that cannot be read */
  SELECT
    loaded.merge_ids AS value
  FROM marketo.activity_merge_leads AS loaded
  WHERE
    TRIM(
      REGEXP_REPLACE(loaded.merge_ids, 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' ')
    ) <> ''
    AND NOT REGEXP_CONTAINS(
      REGEXP_REPLACE(loaded.merge_ids, 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    )
), results AS (
  /* What was found, by check */
  SELECT
    found_rows.place,
    found_rows.about,
    found_rows.found,
    found_rows.first_at,
    found_rows.last_at,
    found_rows.severity,
    found_rows.advice
  FROM (
    SELECT
      checks.place,
      log_totals.kind AS about,
      CASE
        WHEN checks.place = 16
        THEN log_totals.row_count
        WHEN checks.place = 13
        THEN log_totals.incomplete_count
        WHEN checks.place = 18
        THEN log_totals.no_campaign_count
        WHEN checks.place = 19
        THEN log_totals.repeated_count
      END AS found,
      log_totals.first_at,
      log_totals.last_at,
      CASE WHEN checks.place = 18 AND log_totals.kind = 'sent' THEN 'notice' END AS severity,
      CASE
        WHEN checks.place = 18 AND log_totals.kind = 'sent'
        THEN 'They count under \'Unknown campaign\', with the activities that name none, either. Older versions of some loaders bring no campaign; load that time anew, if the loader can.'
      END AS advice
    FROM log_totals
    JOIN checks
      ON checks.place IN (16, 13, 18, 19)
    UNION ALL
    SELECT
      2 AS place,
      'all activities' AS about,
      CASE
        WHEN MAX(log_totals.last_at) <= DATETIME_SUB(CURRENT_DATETIME('UTC'), INTERVAL '3' DAY)
        THEN 1
        ELSE 0
      END AS found,
      MAX(log_totals.last_at) AS first_at,
      MAX(log_totals.last_at) AS last_at,
      CAST(NULL AS STRING) AS severity,
      CAST(NULL AS STRING) AS advice
    FROM log_totals
    UNION ALL
    SELECT
      7 AS place,
      'all activities' AS about,
      1 AS found,
      neighbours.previous_day AS first_at,
      neighbours.day AS last_at,
      CAST(NULL AS STRING) AS severity,
      CAST(NULL AS STRING) AS advice
    FROM (
      SELECT
        log_days.day,
        MAX(log_days.day) OVER (ORDER BY log_days.day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS previous_day
      FROM log_days
    ) AS neighbours
    WHERE
      neighbours.previous_day < DATETIME_SUB(neighbours.day, INTERVAL '3' DAY)
    UNION ALL
    SELECT
      12 AS place,
      ages.age AS about,
      ages.waiting_count AS found,
      ages.first_at,
      ages.last_at,
      CASE
        WHEN ages.age <> 'up to 3 days old' AND ages.waiting_count * 100 > ages.sent_count * 5
        THEN 'notice'
        ELSE 'fine'
      END AS severity,
      CAST(NULL AS STRING) AS advice
    FROM (
      SELECT
        aged.age,
        count(*) AS sent_count,
        count(aged.waiting_at) AS waiting_count,
        MIN(aged.waiting_at) AS first_at,
        MAX(aged.waiting_at) AS last_at
      FROM (
        SELECT
          CASE
            WHEN record_status.sent_at > DATETIME_SUB(CURRENT_DATETIME('UTC'), INTERVAL '3' DAY)
            THEN 'up to 3 days old'
            WHEN record_status.sent_at > DATETIME_SUB(CURRENT_DATETIME('UTC'), INTERVAL '30' DAY)
            THEN '3 to 30 days old'
            WHEN record_status.sent_at > DATETIME_SUB(CURRENT_DATETIME('UTC'), INTERVAL '90' DAY)
            THEN '30 to 90 days old'
            ELSE 'more than 90 days old'
          END AS age,
          CASE
            WHEN record_status.status = 'Pending' OR record_status.status = 'Aborted'
            THEN record_status.sent_at
          END AS waiting_at
        FROM record_status
      ) AS aged
      GROUP BY
        aged.age
    ) AS ages
    UNION ALL
    SELECT
      14 AS place,
      'campaigns' AS about,
      count(nameless.campaign_id) AS found,
      MIN(nameless.first_at) AS first_at,
      MAX(nameless.last_at) AS last_at,
      CAST(NULL AS STRING) AS severity,
      CAST(NULL AS STRING) AS advice
    FROM (
      SELECT
        email_log.campaign_id,
        MIN(email_log.activity_at) AS first_at,
        MAX(email_log.activity_at) AS last_at
      FROM email_log
      WHERE
        email_log.kind = 'sent'
        AND email_log.campaign_id <> 0
        AND (
          NOT email_log.campaign_id IN (
            SELECT
              known_campaigns.campaign_id
            FROM known_campaigns
            WHERE
              NOT known_campaigns.campaign_id IS NULL AND NOT known_campaigns.name IS NULL
          )
        )
      GROUP BY
        email_log.campaign_id
    ) AS nameless
    UNION ALL
    SELECT
      15 AS place,
      'emails' AS about,
      count(nameless.email_id) AS found,
      MIN(nameless.first_at) AS first_at,
      MAX(nameless.last_at) AS last_at,
      CAST(NULL AS STRING) AS severity,
      CAST(NULL AS STRING) AS advice
    FROM (
      SELECT
        email_log.email_id,
        MIN(email_log.activity_at) AS first_at,
        MAX(email_log.activity_at) AS last_at
      FROM email_log
      WHERE
        email_log.kind = 'sent'
        AND (
          NOT email_log.email_id IN (
            SELECT
              known_emails.email_id
            FROM known_emails
            WHERE
              NOT known_emails.email_id IS NULL AND NOT known_emails.name IS NULL
          )
        )
      GROUP BY
        email_log.email_id
    ) AS nameless
    UNION ALL
    SELECT
      checks.place,
      events_with_sends.kind AS about,
      CASE
        WHEN checks.place = 8
        THEN events_with_sends.orphan_count
        WHEN checks.place = 11
        THEN events_with_sends.long_before_count
        WHEN checks.place = 20
        THEN events_with_sends.before_count
      END AS found,
      CASE
        WHEN checks.place = 8
        THEN events_with_sends.orphan_first_at
        WHEN checks.place = 11
        THEN events_with_sends.long_before_first_at
        WHEN checks.place = 20
        THEN events_with_sends.before_first_at
      END AS first_at,
      CASE
        WHEN checks.place = 8
        THEN events_with_sends.orphan_last_at
        WHEN checks.place = 11
        THEN events_with_sends.long_before_last_at
        WHEN checks.place = 20
        THEN events_with_sends.before_last_at
      END AS last_at,
      CASE
        WHEN checks.place = 8
        AND events_with_sends.orphan_count * 100 > events_with_sends.event_count * 10
        THEN 'problem'
        WHEN checks.place = 8
        AND events_with_sends.orphan_count * 100 <= events_with_sends.event_count * 1
        THEN 'fine'
      END AS severity,
      CAST(NULL AS STRING) AS advice
    FROM events_with_sends
    JOIN checks
      ON checks.place IN (8, 11, 20)
    UNION ALL
    SELECT
      9 AS place,
      old_events.kind AS about,
      count(*) AS found,
      MIN(old_events.activity_at) AS first_at,
      MAX(old_events.activity_at) AS last_at,
      CAST(NULL AS STRING) AS severity,
      CAST(NULL AS STRING) AS advice
    FROM (
      SELECT
        email_log.kind,
        email_log.activity_at
      FROM email_log
      JOIN (
        SELECT
          log_totals.first_at
        FROM log_totals
        WHERE
          log_totals.kind = 'sent'
      ) AS first_sent
        ON email_log.activity_at < DATETIME_SUB(first_sent.first_at, INTERVAL '1' DAY)
    ) AS old_events
    GROUP BY
      old_events.kind
    UNION ALL
    SELECT
      10 AS place,
      'sends' AS about,
      count(old_sends.activity_at) AS found,
      MIN(old_sends.activity_at) AS first_at,
      MAX(old_sends.activity_at) AS last_at,
      CAST(NULL AS STRING) AS severity,
      CAST(NULL AS STRING) AS advice
    FROM (
      SELECT
        email_log.activity_at
      FROM email_log
      JOIN (
        SELECT
          log_totals.first_at
        FROM log_totals
        WHERE
          log_totals.kind = 'delivered'
      ) AS first_delivered
        ON email_log.kind = 'sent'
        AND email_log.activity_at < DATETIME_SUB(first_delivered.first_at, INTERVAL '1' DAY)
    ) AS old_sends
    UNION ALL
    SELECT
      21 AS place,
      'sends' AS about,
      count(*) AS found,
      MIN(sends.activity_at) AS first_at,
      MAX(sends.activity_at) AS last_at,
      CAST(NULL AS STRING) AS severity,
      CAST(NULL AS STRING) AS advice
    FROM (
      SELECT
        datetime(loaded.activity_date, 'UTC') AS activity_at
      FROM marketo.activity_send_email AS loaded
      WHERE
        lower(nullif(TRIM(loaded.action_result), '')) IN ('skipped', 'failed')
    ) AS sends
    UNION ALL
    SELECT
      22 AS place,
      'merges' AS about,
      count(*) AS found,
      MIN(merges.merged_at) AS first_at,
      MAX(merges.merged_at) AS last_at,
      CAST(NULL AS STRING) AS severity,
      CAST(NULL AS STRING) AS advice
    FROM (
      SELECT
        datetime(loaded.activity_date, 'UTC') AS merged_at
      FROM marketo.activity_merge_leads AS loaded
    ) AS merges
    UNION ALL
    SELECT
      17 AS place,
      'all activities' AS about,
      count(synced.loaded_at) AS found,
      MAX(synced.loaded_at) AS first_at,
      MAX(synced.loaded_at) AS last_at,
      CAST(NULL AS STRING) AS severity,
      CAST(NULL AS STRING) AS advice
    FROM (
      SELECT
        datetime(loaded._fivetran_synced, 'UTC') AS loaded_at
      FROM marketo.activity_send_email AS loaded
      WHERE
        (
          NOT coalesce(lower(nullif(TRIM(loaded.action_result), '')), '') IN ('skipped', 'failed')
        )
      UNION ALL
      SELECT
        datetime(loaded._fivetran_synced, 'UTC') AS loaded_at
      FROM marketo.activity_email_delivered AS loaded
      UNION ALL
      SELECT
        datetime(loaded._fivetran_synced, 'UTC') AS loaded_at
      FROM marketo.activity_email_bounced AS loaded
      UNION ALL
      SELECT
        datetime(loaded._fivetran_synced, 'UTC') AS loaded_at
      FROM marketo.activity_email_bounced_soft AS loaded
      UNION ALL
      SELECT
        datetime(loaded._fivetran_synced, 'UTC') AS loaded_at
      FROM marketo.activity_open_email AS loaded
      UNION ALL
      SELECT
        datetime(loaded._fivetran_synced, 'UTC') AS loaded_at
      FROM marketo.activity_click_email AS loaded
      UNION ALL
      SELECT
        datetime(loaded._fivetran_synced, 'UTC') AS loaded_at
      FROM marketo.activity_unsubscribe_email AS loaded
    ) AS synced
    UNION ALL
    SELECT
      23 AS place,
      'people' AS about,
      deletions.people_count AS found,
      NULL AS first_at,
      NULL AS last_at,
      CAST(NULL AS STRING) AS severity,
      CAST(NULL AS STRING) AS advice
    FROM (
      SELECT
        count(DISTINCT (
          loaded.lead_id
        )) AS people_count
      FROM marketo.activity_delete_lead AS loaded
    ) AS deletions
    UNION ALL
    SELECT
      5 AS place,
      'activity_open_email.is_bot_activity' AS about,
      1 AS found,
      NULL AS first_at,
      NULL AS last_at,
      CAST(NULL AS STRING) AS severity,
      'Nothing is known of bots: Human Opened and Human Clicked Link include them.' AS advice
    UNION ALL
    SELECT
      5 AS place,
      'activity_open_email.user_agent' AS about,
      1 AS found,
      NULL AS first_at,
      NULL AS last_at,
      CAST(NULL AS STRING) AS severity,
      'Nothing is known of machines: Human Opened includes Apple\'s proxy.' AS advice
    UNION ALL
    SELECT
      5 AS place,
      'activity_click_email.is_bot_activity' AS about,
      1 AS found,
      NULL AS first_at,
      NULL AS last_at,
      CAST(NULL AS STRING) AS severity,
      'Nothing is known of bots: Human Opened and Human Clicked Link include them.' AS advice
    UNION ALL
    SELECT
      1 AS place,
      coalesce(
        'activity_merge_leads.merge_ids, such as ' || substr(MIN(unreadable_1.value), 1, 60),
        'activity_merge_leads.merge_ids'
      ) AS about,
      count(unreadable_1.value) AS found,
      NULL AS first_at,
      NULL AS last_at,
      CAST(NULL AS STRING) AS severity,
      'No figure needs it: each activity counts for the id that it was logged for.' AS advice
    FROM unreadable_1
  ) AS found_rows
)
/* What the report leaves out or cannot know */
SELECT
  checks.place,
  CASE
    WHEN results.found > 0
    THEN coalesce(results.severity, checks.severity)
    ELSE 'fine'
  END AS severity,
  checks.finding,
  results.about,
  results.found,
  results.first_at,
  results.last_at,
  CASE
    WHEN results.found > 0
    THEN coalesce(results.advice, checks.advice)
    ELSE 'None was found.'
  END AS advice
FROM results
JOIN checks
  ON results.place = checks.place
