WITH counted_sends AS (
  /* Sends that count: neither skipped nor failed, with campaign, email and person */
  SELECT
    coalesce(CAST(loaded.campaign_id AS Nullable(Int64)), 0) AS campaign_id,
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) AS email_id,
    CAST(loaded.lead_id AS Nullable(Int64)) AS person_id,
    CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS activity_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT (
        coalesce(lower(nullIf(TRIM(CAST(loaded.action_result AS Nullable(String))), '')), '') IN ('skipped', 'failed')
      )
    )
    AND NOT (
      coalesce(CAST(loaded.campaign_id AS Nullable(Int64)), 0) IS NULL
    )
    AND NOT (
      CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) IS NULL
    )
    AND NOT (
      CAST(loaded.lead_id AS Nullable(Int64)) IS NULL
    )
), email_events AS (
  /* What happened to the emails: 1 sent, 2 delivered, 4 hard bounced, 8 soft bounced, 16 opened, 32 opened by bot, 64 opened by privacy proxy, 128 opened by image proxy, 256 clicked, 512 clicked by bot, 1024 unsubscribed. A click on an unsubscribe link or an email address is only an open */
  SELECT
    2 AS happened,
    CAST(loaded.campaign_id AS Nullable(Int64)) AS campaign_id,
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) AS email_id,
    CAST(loaded.lead_id AS Nullable(Int64)) AS person_id,
    CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS activity_at
  FROM marketo.activity_email_delivered AS loaded
  UNION ALL
  SELECT
    4 AS happened,
    CAST(loaded.campaign_id AS Nullable(Int64)) AS campaign_id,
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) AS email_id,
    CAST(loaded.lead_id AS Nullable(Int64)) AS person_id,
    CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS activity_at
  FROM marketo.activity_email_bounced AS loaded
  UNION ALL
  SELECT
    8 AS happened,
    CAST(loaded.campaign_id AS Nullable(Int64)) AS campaign_id,
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) AS email_id,
    CAST(loaded.lead_id AS Nullable(Int64)) AS person_id,
    CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS activity_at
  FROM marketo.activity_email_bounced_soft AS loaded
  UNION ALL
  SELECT
    16 AS happened,
    CAST(loaded.campaign_id AS Nullable(Int64)) AS campaign_id,
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) AS email_id,
    CAST(loaded.lead_id AS Nullable(Int64)) AS person_id,
    CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS activity_at
  FROM marketo.activity_open_email AS loaded
  UNION ALL
  SELECT
    CASE
      WHEN nullIf(TRIM(CAST(loaded.link AS Nullable(String))), '') IS NULL
      OR NOT (
        substr(lower(nullIf(TRIM(CAST(loaded.link AS Nullable(String))), '')), 1, 7) = 'mailto:'
        OR POSITION(
          lower(nullIf(TRIM(CAST(loaded.link AS Nullable(String))), '')),
          'mkt_unsubscribe=1'
        ) > 0
      )
      THEN 256
      ELSE 16
    END AS happened,
    CAST(loaded.campaign_id AS Nullable(Int64)) AS campaign_id,
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) AS email_id,
    CAST(loaded.lead_id AS Nullable(Int64)) AS person_id,
    CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS activity_at
  FROM marketo.activity_click_email AS loaded
  UNION ALL
  SELECT
    1024 AS happened,
    CAST(loaded.campaign_id AS Nullable(Int64)) AS campaign_id,
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) AS email_id,
    CAST(loaded.lead_id AS Nullable(Int64)) AS person_id,
    CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS activity_at
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
      counted_sends.campaign_id AS campaign_id,
      email_events.email_id AS email_id,
      email_events.person_id AS person_id,
      email_events.activity_at AS activity_at,
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
      NOT (
        email_events.campaign_id IS NULL
      )
    UNION ALL
    SELECT
      event_latest_sends.campaign_id AS campaign_id,
      email_events.happened AS happened,
      email_events.email_id AS email_id,
      email_events.person_id AS person_id,
      email_events.activity_at AS activity_at
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
    min(CASE WHEN email_activities.happened = 1 THEN email_activities.activity_at END) AS sent_at,
    max(email_activities.activity_at) AS last_activity_at,
    groupBitOr(email_activities.happened) AS happened,
    min(
      CASE
        WHEN bitAnd(email_activities.happened, 2032) <> 0
        THEN email_activities.activity_at
      END
    ) AS first_opened_at,
    min(
      CASE
        WHEN bitAnd(email_activities.happened, 768) <> 0
        THEN email_activities.activity_at
      END
    ) AS first_clicked_at,
    min(
      CASE
        WHEN bitAnd(email_activities.happened, 1424) <> 0
        THEN email_activities.activity_at
      END
    ) AS first_human_opened_at,
    min(
      CASE
        WHEN bitAnd(email_activities.happened, 256) <> 0
        THEN email_activities.activity_at
      END
    ) AS first_human_clicked_at
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
    CASE WHEN bitAnd(gathered_activities.happened, 2032) <> 0 THEN 1 ELSE 0 END AS opened,
    CASE WHEN bitAnd(gathered_activities.happened, 768) <> 0 THEN 1 ELSE 0 END AS clicked,
    CASE WHEN bitAnd(gathered_activities.happened, 1024) <> 0 THEN 1 ELSE 0 END AS unsubscribed,
    CASE WHEN bitAnd(gathered_activities.happened, 1424) <> 0 THEN 1 ELSE 0 END AS human_opened,
    CASE WHEN bitAnd(gathered_activities.happened, 256) <> 0 THEN 1 ELSE 0 END AS human_clicked,
    CASE WHEN bitAnd(gathered_activities.happened, 64) <> 0 THEN 1 ELSE 0 END AS privacy_proxy_opened,
    CASE WHEN bitAnd(gathered_activities.happened, 128) <> 0 THEN 1 ELSE 0 END AS image_proxy_opened,
    CASE WHEN bitAnd(gathered_activities.happened, 4) <> 0 THEN 1 ELSE 0 END AS hard_bounced,
    CASE WHEN bitAnd(gathered_activities.happened, 8) <> 0 THEN 1 ELSE 0 END AS soft_bounced,
    CASE WHEN bitAnd(gathered_activities.happened, 2) <> 0 THEN 1 ELSE 0 END AS delivered,
    gathered_activities.first_opened_at,
    gathered_activities.first_clicked_at,
    gathered_activities.first_human_opened_at,
    gathered_activities.first_human_clicked_at
  FROM gathered_activities
  WHERE
    bitAnd(gathered_activities.happened, 1) <> 0
), people_status AS (
  /* status.one-each: the first that holds of status.open-beats-bounce, status.hard-bounce-beats-soft, status.soft-bounce-beats-delivery, status.delivered, status.aborted-after-three-days */
  SELECT
    email_records.campaign_id,
    email_records.email_id,
    email_records.person_id,
    email_records.sent_at,
    email_records.last_activity_at,
    email_records.opened,
    email_records.clicked,
    email_records.unsubscribed,
    email_records.human_opened,
    email_records.human_clicked,
    email_records.privacy_proxy_opened,
    email_records.image_proxy_opened,
    email_records.hard_bounced,
    email_records.soft_bounced,
    email_records.delivered,
    email_records.first_opened_at,
    email_records.first_clicked_at,
    email_records.first_human_opened_at,
    email_records.first_human_clicked_at,
    CASE
      WHEN email_records.opened = 1
      THEN 'Delivered'
      WHEN email_records.hard_bounced = 1
      THEN 'Hard Bounced'
      WHEN email_records.soft_bounced = 1
      THEN 'Soft Bounced'
      WHEN email_records.delivered = 1
      THEN 'Delivered'
      WHEN email_records.sent_at <= now64(6, 'UTC') - INTERVAL '3' DAY
      THEN 'Aborted'
      ELSE 'Pending'
    END AS status
  FROM email_records
), email_people AS (
  /* One row for each person of each email of each campaign, with the reason of the status */
  SELECT
    people_status.campaign_id,
    people_status.email_id,
    people_status.person_id,
    toDateTime64(dateTrunc('day', people_status.sent_at), 6, 'UTC') AS sent_date,
    people_status.status,
    CASE
      WHEN people_status.opened = 1
      THEN CASE
        WHEN people_status.clicked = 1
        THEN 'clicked a link, so opened and delivered'
        WHEN people_status.unsubscribed = 1
        THEN 'unsubscribed, so opened and delivered'
        ELSE 'opened, so delivered'
      END || CASE
        WHEN people_status.hard_bounced = 1
        THEN '; the hard bounce does not count: an open beats a bounce'
        ELSE ''
      END || CASE
        WHEN people_status.soft_bounced = 1
        THEN '; the soft bounce does not count: an open beats a bounce'
        ELSE ''
      END || CASE
        WHEN people_status.human_opened = 1
        THEN ''
        WHEN people_status.clicked <> 1 AND people_status.privacy_proxy_opened = 1
        THEN '; Apple''s privacy proxy loaded the images, read or not, so no Human Opened'
        ELSE '; Marketo marks it as a bot''s, so no Human Opened'
      END
      WHEN people_status.status = 'Hard Bounced'
      THEN 'bounced hard' || CASE
        WHEN people_status.soft_bounced = 1
        THEN '; the soft bounce does not count: a hard bounce goes before a soft one'
        ELSE ''
      END || CASE
        WHEN people_status.delivered = 1
        THEN '; the delivery does not count: a bounce goes before a delivery'
        ELSE ''
      END
      WHEN people_status.status = 'Soft Bounced'
      THEN 'bounced soft' || CASE
        WHEN people_status.delivered = 1
        THEN '; the delivery does not count: a soft bounce goes before a delivery'
        ELSE ''
      END
      WHEN people_status.status = 'Delivered'
      THEN 'delivered, and not opened'
      WHEN people_status.status = 'Aborted'
      THEN 'sent, and after 3 days the log has no delivery, bounce, open, click or unsubscribe'
      ELSE 'sent, and the log has no delivery, bounce, open, click or unsubscribe yet; without one it is Aborted 3 days after the send'
    END AS reason,
    CASE
      WHEN people_status.opened = 1
      THEN 'status.open-beats-bounce'
      WHEN people_status.status = 'Hard Bounced'
      THEN 'status.hard-bounce-beats-soft'
      WHEN people_status.status = 'Soft Bounced'
      THEN 'status.soft-bounce-beats-delivery'
      WHEN people_status.status = 'Delivered'
      THEN 'status.delivered'
      WHEN people_status.status = 'Aborted'
      THEN 'status.aborted-after-three-days'
      ELSE 'status.aborted-after-three-days'
    END AS rule,
    CASE
      WHEN people_status.human_opened = 1
      THEN 'Human'
      WHEN people_status.opened = 1
      THEN 'Machine'
      ELSE 'Nobody'
    END AS opened_by,
    CASE WHEN people_status.opened = 1 THEN 'Yes' ELSE 'No' END AS was_opened,
    CASE WHEN people_status.clicked = 1 THEN 'Yes' ELSE 'No' END AS was_clicked,
    CASE WHEN people_status.unsubscribed = 1 THEN 'Yes' ELSE 'No' END AS was_unsubscribed,
    coalesce(
      replace(substr(CAST(people_status.first_opened_at AS Nullable(String)), 1, 16), 'T', ' '),
      ''
    ) AS first_open,
    coalesce(
      replace(substr(CAST(people_status.first_clicked_at AS Nullable(String)), 1, 16), 'T', ' '),
      ''
    ) AS first_click,
    1 AS sent_count,
    CASE WHEN people_status.status = 'Delivered' THEN 1 ELSE 0 END AS delivered_count,
    CASE WHEN people_status.status = 'Hard Bounced' THEN 1 ELSE 0 END AS hard_bounced_count,
    CASE WHEN people_status.status = 'Soft Bounced' THEN 1 ELSE 0 END AS soft_bounced_count,
    CASE WHEN people_status.status = 'Pending' THEN 1 ELSE 0 END AS pending_count,
    CASE WHEN people_status.status = 'Aborted' THEN 1 ELSE 0 END AS aborted_count,
    people_status.opened AS opened_count,
    people_status.clicked AS clicked_link_count,
    people_status.unsubscribed AS unsubscribed_count,
    people_status.human_opened AS human_opened_count,
    people_status.human_clicked AS human_clicked_count,
    people_status.privacy_proxy_opened AS privacy_proxy_opened_count,
    people_status.image_proxy_opened AS image_proxy_opened_count,
    people_status.sent_at AS first_sent_at,
    people_status.sent_at AS last_sent_at,
    people_status.last_activity_at
  FROM people_status
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
        CAST(loaded.id AS Nullable(Int64)) AS campaign_id,
        nullIf(TRIM(CAST(loaded.name AS Nullable(String))), '') AS name,
        CAST(loaded.program_id AS Nullable(Int64)) AS program_id,
        CAST(NULL AS Nullable(String)) AS program_name,
        nullIf(TRIM(CAST(loaded.workspace_name AS Nullable(String))), '') AS workspace,
        CASE
          WHEN lower(TRIM(CAST(loaded.active AS Nullable(String)))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b''1''')
          THEN 'Yes'
          WHEN lower(TRIM(CAST(loaded.active AS Nullable(String)))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b''0''')
          THEN 'No'
        END AS active,
        CASE
          WHEN lower(TRIM(CAST(loaded._fivetran_deleted AS Nullable(String)))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b''1''')
          THEN 'Yes'
          WHEN lower(TRIM(CAST(loaded._fivetran_deleted AS Nullable(String)))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b''0''')
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
        CAST(loaded.id AS Nullable(Int64)) AS program_id,
        nullIf(TRIM(CAST(loaded.name AS Nullable(String))), '') AS name,
        nullIf(TRIM(CAST(loaded.workspace AS Nullable(String))), '') AS workspace,
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
        CAST(loaded.id AS Nullable(Int64)) AS email_id,
        nullIf(TRIM(CAST(loaded.name AS Nullable(String))), '') AS name,
        nullIf(
          TRIM(
            CASE
              WHEN substr(CAST(loaded.subject AS Nullable(String)), 1, 1) = '{'
              AND POSITION(CAST(loaded.subject AS Nullable(String)), '"value"') > 0
              THEN JSONExtract(ifNull(CAST(loaded.subject AS Nullable(String)), ''), 'value', 'Nullable(String)')
              ELSE CAST(loaded.subject AS Nullable(String))
            END
          ),
          ''
        ) AS subject,
        CASE
          WHEN lower(TRIM(CAST(loaded.operational AS Nullable(String)))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b''1''')
          THEN 'Yes'
          WHEN lower(TRIM(CAST(loaded.operational AS Nullable(String)))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b''0''')
          THEN 'No'
        END AS operational,
        CAST(NULL AS Nullable(String)) AS archived,
        nullIf(TRIM(CAST(loaded.workspace AS Nullable(String))), '') AS workspace,
        CASE
          WHEN lower(nullIf(TRIM(CAST(loaded.status AS Nullable(String))), '')) = 'approved'
          THEN 1
          ELSE 0
        END AS preference,
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
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) AS email_id,
    nullIf(TRIM(CAST(loaded.primary_attribute_value AS Nullable(String))), '') AS name,
    max(
      CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC')))
    ) AS named_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT (
        coalesce(lower(nullIf(TRIM(CAST(loaded.action_result AS Nullable(String))), '')), '') IN ('skipped', 'failed')
      )
    )
    AND NOT (
      CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) IS NULL
    )
    AND NOT (
      nullIf(TRIM(CAST(loaded.primary_attribute_value AS Nullable(String))), '') IS NULL
    )
  GROUP BY
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)),
    nullIf(TRIM(CAST(loaded.primary_attribute_value AS Nullable(String))), '')
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
    "both".email_id,
    coalesce(
      max(CASE WHEN "both".logged = 0 THEN "both".name END),
      max(CASE WHEN "both".logged = 1 THEN "both".name END)
    ) AS name,
    max("both".subject) AS subject,
    max("both".operational) AS operational,
    max("both".archived) AS archived,
    max("both".workspace) AS workspace
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
      CAST(NULL AS Nullable(String)) AS subject,
      CAST(NULL AS Nullable(String)) AS operational,
      CAST(NULL AS Nullable(String)) AS archived,
      CAST(NULL AS Nullable(String)) AS workspace
    FROM logged_email_names
  ) AS "both"
  GROUP BY
    "both".email_id
), people_rows AS (
  /* The people with names. A name that is missing shows the id */ /* The people without their attributes */
  SELECT
    CAST(NULL AS Nullable(String)) AS source_name,
    coalesce(newest_campaigns.workspace, newest_programs.workspace, newest_emails.workspace) AS workspace,
    newest_campaigns.program_id AS program_id,
    coalesce(
      coalesce(newest_programs.name, newest_campaigns.program_name),
      CAST(newest_campaigns.program_id AS Nullable(String))
    ) AS program_name,
    nullIf(email_people.campaign_id, 0) AS campaign_id,
    CASE
      WHEN email_people.campaign_id = 0
      THEN 'Unknown campaign'
      ELSE coalesce(newest_campaigns.name, CAST(email_people.campaign_id AS Nullable(String)))
    END AS campaign_name,
    newest_campaigns.active AS campaign_active,
    email_people.email_id AS email_id,
    coalesce(newest_emails.name, CAST(email_people.email_id AS Nullable(String))) AS email_name,
    newest_emails.subject AS email_subject,
    newest_emails.operational AS operational,
    email_people.sent_date AS sent_date,
    replace(
      replace(
        replace(
          '<a title="[name]" href="/campaign-email/[id]/?campaign_id=[campaign]" target="_blank">[name]</a>',
          '[id]',
          CAST(email_people.email_id AS Nullable(String))
        ),
        '[campaign]',
        CAST(coalesce(nullIf(email_people.campaign_id, 0), 0) AS Nullable(String))
      ),
      '[name]',
      replace(
        replace(
          replace(
            replace(
              replace(
                coalesce(newest_emails.name, CAST(email_people.email_id AS Nullable(String))),
                '&',
                '&amp;'
              ),
              '<',
              '&lt;'
            ),
            '>',
            '&gt;'
          ),
          '"',
          '&quot;'
        ),
        '''',
        '&#x27;'
      )
    ) AS email_link,
    CASE
      WHEN POSITION(coalesce(newest_emails.name, CAST(email_people.email_id AS Nullable(String))), '<') > 0
      THEN '<span>' || replace(
        replace(
          replace(
            coalesce(newest_emails.name, CAST(email_people.email_id AS Nullable(String))),
            '&',
            '&amp;'
          ),
          '<',
          '&lt;'
        ),
        '>',
        '&gt;'
      ) || '</span>'
      ELSE coalesce(newest_emails.name, CAST(email_people.email_id AS Nullable(String)))
    END AS email_label,
    substr(CAST(email_people.sent_date AS Nullable(String)), 1, 10) AS sent_day,
    replace(substr(CAST(email_people.last_activity_at AS Nullable(String)), 1, 16), 'T', ' ') AS activity_minute,
    CAST(email_people.person_id AS Nullable(String)) AS person_link,
    replace(
      replace(
        replace(
          '<a title="[reason]" href="/campaign-email/[email]/person/[person]/" target="_blank">[reason]</a>',
          '[email]',
          CAST(email_people.email_id AS Nullable(String))
        ),
        '[person]',
        CAST(email_people.person_id AS Nullable(String))
      ),
      '[reason]',
      email_people.reason
    ) AS reason_link,
    CAST('UTC' AS Nullable(String)) AS time_zone,
    CASE
      WHEN POSITION(
        coalesce(
          coalesce(newest_programs.name, newest_campaigns.program_name),
          CAST(newest_campaigns.program_id AS Nullable(String))
        ),
        '<'
      ) > 0
      THEN '<span>' || replace(
        replace(
          replace(
            coalesce(
              coalesce(newest_programs.name, newest_campaigns.program_name),
              CAST(newest_campaigns.program_id AS Nullable(String))
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
        CAST(newest_campaigns.program_id AS Nullable(String))
      )
    END AS program_label,
    CASE
      WHEN POSITION(
        CASE
          WHEN (
            email_people.campaign_id = 0
          )
          THEN 'Unknown campaign'
          ELSE coalesce(newest_campaigns.name, CAST(email_people.campaign_id AS Nullable(String)))
        END,
        '<'
      ) > 0
      THEN '<span>' || replace(
        replace(
          replace(
            CASE
              WHEN email_people.campaign_id = 0
              THEN 'Unknown campaign'
              ELSE coalesce(newest_campaigns.name, CAST(email_people.campaign_id AS Nullable(String)))
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
        WHEN email_people.campaign_id = 0
        THEN 'Unknown campaign'
        ELSE coalesce(newest_campaigns.name, CAST(email_people.campaign_id AS Nullable(String)))
      END
    END AS campaign_label,
    email_people.person_id AS person_id,
    email_people.status AS status,
    email_people.reason AS reason,
    email_people.rule AS rule,
    email_people.opened_by AS opened_by,
    email_people.was_opened AS was_opened,
    email_people.was_clicked AS was_clicked,
    email_people.was_unsubscribed AS was_unsubscribed,
    email_people.first_open AS first_open,
    email_people.first_click AS first_click,
    email_people.sent_count AS sent_count,
    email_people.delivered_count AS delivered_count,
    email_people.hard_bounced_count AS hard_bounced_count,
    email_people.soft_bounced_count AS soft_bounced_count,
    email_people.pending_count AS pending_count,
    email_people.aborted_count AS aborted_count,
    email_people.opened_count AS opened_count,
    email_people.clicked_link_count AS clicked_link_count,
    email_people.unsubscribed_count AS unsubscribed_count,
    email_people.human_opened_count AS human_opened_count,
    email_people.human_clicked_count AS human_clicked_count,
    email_people.privacy_proxy_opened_count AS privacy_proxy_opened_count,
    email_people.image_proxy_opened_count AS image_proxy_opened_count,
    email_people.first_sent_at AS first_sent_at,
    email_people.last_sent_at AS last_sent_at,
    email_people.last_activity_at AS last_activity_at
  FROM email_people
  LEFT OUTER JOIN newest_campaigns
    ON email_people.campaign_id = newest_campaigns.campaign_id
  LEFT OUTER JOIN newest_programs
    ON newest_campaigns.program_id = newest_programs.program_id
  LEFT OUTER JOIN newest_emails
    ON email_people.email_id = newest_emails.email_id
), people_attributes AS (
  /* The newest attributes of each person */
  SELECT
    people_columns.person_id AS attributes_of,
    people_columns.person_email
  FROM (
    SELECT
      versions.person_id,
      versions.person_email
    FROM (
      SELECT
        loaded_versions.person_id,
        loaded_versions.person_email,
        row_number() OVER (
          PARTITION BY loaded_versions.person_id
          ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, loaded_versions.person_email
        ) AS version_place
      FROM (
        SELECT
          CAST(loaded.id AS Nullable(Int64)) AS person_id,
          nullIf(TRIM(CAST(loaded.email AS Nullable(String))), '') AS person_email,
          loaded.updated_at AS sort_key_1
        FROM marketo.lead AS loaded
      ) AS loaded_versions
    ) AS versions
    WHERE
      versions.version_place = 1
  ) AS people_columns
  WHERE
    NOT (
      people_columns.person_id IS NULL
    )
)
/* Each person with the attributes that the loader knows of them */
SELECT
  people_rows.*,
  replace(substr(coalesce(people_attributes.person_email, ''), 1, 255), '<', '< ') AS person_email
FROM people_rows
LEFT OUTER JOIN people_attributes
  ON people_rows.person_id = people_attributes.attributes_of
