WITH counted_sends AS (
  /* Sends that count: neither skipped nor failed, with campaign, email and person */
  SELECT
    COALESCE(loaded.campaign_id, 0) AS campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    CAST(CONVERT_TIMEZONE('UTC', loaded.activity_date) AS TIMESTAMPNTZ) AS activity_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT COALESCE(LOWER(NULLIF(TRIM(loaded.action_result), '')), '') IN ('skipped', 'failed')
    )
    AND NOT COALESCE(loaded.campaign_id, 0) IS NULL
    AND NOT loaded.primary_attribute_value_id IS NULL
    AND NOT loaded.lead_id IS NULL
), email_events AS (
  /* What happened to the emails: 1 sent, 2 delivered, 4 hard bounced, 8 soft bounced, 16 opened, 32 opened by bot, 64 opened by privacy proxy, 128 opened by image proxy, 256 clicked, 512 clicked by bot, 1024 unsubscribed. A click on an unsubscribe link or an email address is only an open */
  SELECT
    2 AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    CAST(CONVERT_TIMEZONE('UTC', loaded.activity_date) AS TIMESTAMPNTZ) AS activity_at
  FROM marketo.activity_email_delivered AS loaded
  UNION ALL
  SELECT
    4 AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    CAST(CONVERT_TIMEZONE('UTC', loaded.activity_date) AS TIMESTAMPNTZ) AS activity_at
  FROM marketo.activity_email_bounced AS loaded
  UNION ALL
  SELECT
    8 AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    CAST(CONVERT_TIMEZONE('UTC', loaded.activity_date) AS TIMESTAMPNTZ) AS activity_at
  FROM marketo.activity_email_bounced_soft AS loaded
  UNION ALL
  SELECT
    16 AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    CAST(CONVERT_TIMEZONE('UTC', loaded.activity_date) AS TIMESTAMPNTZ) AS activity_at
  FROM marketo.activity_open_email AS loaded
  UNION ALL
  SELECT
    CASE
      WHEN NULLIF(TRIM(loaded.link), '') IS NULL
      OR NOT (
        SUBSTRING(LOWER(NULLIF(TRIM(loaded.link), '')), 1, 7) = 'mailto:'
        OR CHARINDEX('mkt_unsubscribe=1', LOWER(NULLIF(TRIM(loaded.link), ''))) > 0
      )
      THEN 256
      ELSE 16
    END AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    CAST(CONVERT_TIMEZONE('UTC', loaded.activity_date) AS TIMESTAMPNTZ) AS activity_at
  FROM marketo.activity_click_email AS loaded
  UNION ALL
  SELECT
    1024 AS happened,
    loaded.campaign_id,
    loaded.primary_attribute_value_id AS email_id,
    loaded.lead_id AS person_id,
    CAST(CONVERT_TIMEZONE('UTC', loaded.activity_date) AS TIMESTAMPNTZ) AS activity_at
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
      ROW_NUMBER() OVER (
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
    BITORAGG(email_activities.happened) AS happened
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
    CASE WHEN BITAND(gathered_activities.happened, 2032) <> 0 THEN 1 ELSE 0 END AS opened,
    CASE WHEN BITAND(gathered_activities.happened, 768) <> 0 THEN 1 ELSE 0 END AS clicked,
    CASE WHEN BITAND(gathered_activities.happened, 1024) <> 0 THEN 1 ELSE 0 END AS unsubscribed,
    CASE WHEN BITAND(gathered_activities.happened, 1424) <> 0 THEN 1 ELSE 0 END AS human_opened,
    CASE WHEN BITAND(gathered_activities.happened, 256) <> 0 THEN 1 ELSE 0 END AS human_clicked,
    CASE WHEN BITAND(gathered_activities.happened, 64) <> 0 THEN 1 ELSE 0 END AS privacy_proxy_opened,
    CASE WHEN BITAND(gathered_activities.happened, 128) <> 0 THEN 1 ELSE 0 END AS image_proxy_opened,
    CASE WHEN BITAND(gathered_activities.happened, 4) <> 0 THEN 1 ELSE 0 END AS hard_bounced,
    CASE WHEN BITAND(gathered_activities.happened, 8) <> 0 THEN 1 ELSE 0 END AS soft_bounced,
    CASE WHEN BITAND(gathered_activities.happened, 2) <> 0 THEN 1 ELSE 0 END AS delivered
  FROM gathered_activities
  WHERE
    BITAND(gathered_activities.happened, 1) <> 0
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
      WHEN email_records.sent_at <= DATEADD(DAY, -3, SYSDATE())
      THEN 'Aborted'
      ELSE 'Pending'
    END AS status
  FROM email_records
), daily_rollup AS (
  /* One row for each campaign, email and day; sums only, so it is exact for every grouping */
  SELECT
    record_status.campaign_id,
    record_status.email_id,
    DATE_TRUNC('DAY', record_status.sent_at) AS sent_date,
    COUNT(*) AS sent_count,
    CAST(SUM(CASE WHEN record_status.status = 'Delivered' THEN 1 ELSE 0 END) AS BIGINT) AS delivered_count,
    CAST(SUM(CASE WHEN record_status.status = 'Hard Bounced' THEN 1 ELSE 0 END) AS BIGINT) AS hard_bounced_count,
    CAST(SUM(CASE WHEN record_status.status = 'Soft Bounced' THEN 1 ELSE 0 END) AS BIGINT) AS soft_bounced_count,
    CAST(SUM(CASE WHEN record_status.status = 'Pending' THEN 1 ELSE 0 END) AS BIGINT) AS pending_count,
    CAST(SUM(CASE WHEN record_status.status = 'Aborted' THEN 1 ELSE 0 END) AS BIGINT) AS aborted_count,
    CAST(SUM(record_status.opened) AS BIGINT) AS opened_count,
    CAST(SUM(record_status.clicked) AS BIGINT) AS clicked_link_count,
    CAST(SUM(record_status.unsubscribed) AS BIGINT) AS unsubscribed_count,
    CAST(SUM(record_status.human_opened) AS BIGINT) AS human_opened_count,
    CAST(SUM(record_status.human_clicked) AS BIGINT) AS human_clicked_count,
    CAST(SUM(record_status.privacy_proxy_opened) AS BIGINT) AS privacy_proxy_opened_count,
    CAST(SUM(record_status.image_proxy_opened) AS BIGINT) AS image_proxy_opened_count,
    MIN(record_status.sent_at) AS first_sent_at,
    MAX(record_status.sent_at) AS last_sent_at,
    MAX(record_status.last_activity_at) AS last_activity_at
  FROM record_status
  GROUP BY
    record_status.campaign_id,
    record_status.email_id,
    DATE_TRUNC('DAY', record_status.sent_at)
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
      ROW_NUMBER() OVER (
        PARTITION BY loaded_versions.campaign_id
        ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        loaded.id AS campaign_id,
        NULLIF(TRIM(loaded.name), '') AS name,
        loaded.program_id,
        CAST(NULL AS VARCHAR) AS program_name,
        NULLIF(TRIM(loaded.workspace_name), '') AS workspace,
        CASE
          WHEN LOWER(TRIM(CAST(loaded.active AS VARCHAR))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b\'1\'')
          THEN 'Yes'
          WHEN LOWER(TRIM(CAST(loaded.active AS VARCHAR))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b\'0\'')
          THEN 'No'
        END AS active,
        CASE
          WHEN LOWER(TRIM(CAST(loaded._fivetran_deleted AS VARCHAR))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b\'1\'')
          THEN 'Yes'
          WHEN LOWER(TRIM(CAST(loaded._fivetran_deleted AS VARCHAR))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b\'0\'')
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
      ROW_NUMBER() OVER (
        PARTITION BY loaded_versions.program_id
        ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        loaded.id AS program_id,
        NULLIF(TRIM(loaded.name), '') AS name,
        NULLIF(TRIM(loaded.workspace), '') AS workspace,
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
      ROW_NUMBER() OVER (
        PARTITION BY loaded_versions.email_id
        ORDER BY CASE WHEN loaded_versions.preference IS NULL THEN 1 ELSE 0 END, loaded_versions.preference DESC, CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, CASE WHEN loaded_versions.sort_key_2 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_2 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        loaded.id AS email_id,
        NULLIF(TRIM(loaded.name), '') AS name,
        NULLIF(
          TRIM(
            CASE
              WHEN SUBSTRING(loaded.subject, 1, 1) = '{'
              AND CHARINDEX('"value"', loaded.subject) > 0
              THEN JSON_EXTRACT_PATH_TEXT(loaded.subject, 'value')
              ELSE loaded.subject
            END
          ),
          ''
        ) AS subject,
        CASE
          WHEN LOWER(TRIM(CAST(loaded.operational AS VARCHAR))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b\'1\'')
          THEN 'Yes'
          WHEN LOWER(TRIM(CAST(loaded.operational AS VARCHAR))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b\'0\'')
          THEN 'No'
        END AS operational,
        CAST(NULL AS VARCHAR) AS archived,
        NULLIF(TRIM(loaded.workspace), '') AS workspace,
        CASE WHEN LOWER(NULLIF(TRIM(loaded.status), '')) = 'approved' THEN 1 ELSE 0 END AS preference,
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
    NULLIF(TRIM(loaded.primary_attribute_value), '') AS name,
    MAX(CAST(CONVERT_TIMEZONE('UTC', loaded.activity_date) AS TIMESTAMPNTZ)) AS named_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT COALESCE(LOWER(NULLIF(TRIM(loaded.action_result), '')), '') IN ('skipped', 'failed')
    )
    AND NOT loaded.primary_attribute_value_id IS NULL
    AND NOT NULLIF(TRIM(loaded.primary_attribute_value), '') IS NULL
  GROUP BY
    loaded.primary_attribute_value_id,
    NULLIF(TRIM(loaded.primary_attribute_value), '')
), logged_email_names AS (
  SELECT
    versions.email_id,
    versions.name
  FROM (
    SELECT
      loaded_versions.email_id,
      loaded_versions.name,
      ROW_NUMBER() OVER (
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
    COALESCE(
      MAX(CASE WHEN "both".logged = 0 THEN "both".name END),
      MAX(CASE WHEN "both".logged = 1 THEN "both".name END)
    ) AS name,
    MAX("both".subject) AS subject,
    MAX("both".operational) AS operational,
    MAX("both".archived) AS archived,
    MAX("both".workspace) AS workspace
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
      CAST(NULL AS VARCHAR) AS subject,
      CAST(NULL AS VARCHAR) AS operational,
      CAST(NULL AS VARCHAR) AS archived,
      CAST(NULL AS VARCHAR) AS workspace
    FROM logged_email_names
  ) AS "both"
  GROUP BY
    "both".email_id
), report AS (
  /* The report with names. A name that is missing shows the id */ /* The report */
  SELECT
    CAST(NULL AS VARCHAR) AS source_name,
    COALESCE(newest_campaigns.workspace, newest_programs.workspace, newest_emails.workspace) AS workspace,
    newest_campaigns.program_id,
    COALESCE(
      COALESCE(newest_programs.name, newest_campaigns.program_name),
      CAST(newest_campaigns.program_id AS VARCHAR)
    ) AS program_name,
    NULLIF(daily_rollup.campaign_id, 0) AS campaign_id,
    CASE
      WHEN daily_rollup.campaign_id = 0
      THEN 'Unknown campaign'
      ELSE COALESCE(newest_campaigns.name, CAST(daily_rollup.campaign_id AS VARCHAR))
    END AS campaign_name,
    newest_campaigns.active AS campaign_active,
    daily_rollup.email_id,
    COALESCE(newest_emails.name, CAST(daily_rollup.email_id AS VARCHAR)) AS email_name,
    newest_emails.subject AS email_subject,
    newest_emails.operational,
    daily_rollup.sent_date,
    REPLACE(
      REPLACE(
        REPLACE(
          '<a title="[name]" href="/campaign-email/[id]/?campaign_id=[campaign]" target="_blank">[name]</a>',
          '[id]',
          CAST(daily_rollup.email_id AS VARCHAR)
        ),
        '[campaign]',
        CAST(COALESCE(NULLIF(daily_rollup.campaign_id, 0), 0) AS VARCHAR)
      ),
      '[name]',
      REPLACE(
        REPLACE(
          REPLACE(
            REPLACE(
              REPLACE(COALESCE(newest_emails.name, CAST(daily_rollup.email_id AS VARCHAR)), '&', '&amp;'),
              '<',
              '&lt;'
            ),
            '>',
            '&gt;'
          ),
          '"',
          '&quot;'
        ),
        '\'',
        '&#x27;'
      )
    ) AS email_link,
    CASE
      WHEN CHARINDEX('<', COALESCE(newest_emails.name, CAST(daily_rollup.email_id AS VARCHAR))) > 0
      THEN '<span>' || REPLACE(
        REPLACE(
          REPLACE(COALESCE(newest_emails.name, CAST(daily_rollup.email_id AS VARCHAR)), '&', '&amp;'),
          '<',
          '&lt;'
        ),
        '>',
        '&gt;'
      ) || '</span>'
      ELSE COALESCE(newest_emails.name, CAST(daily_rollup.email_id AS VARCHAR))
    END AS email_label,
    SUBSTRING(CAST(daily_rollup.sent_date AS VARCHAR), 1, 10) AS sent_day,
    SUBSTRING(
      CAST(DATEADD(
        DAY,
        1 - DAYOFWEEKISO(daily_rollup.sent_date),
        DATE_TRUNC('DAY', daily_rollup.sent_date)
      ) AS VARCHAR),
      1,
      10
    ) AS sent_week,
    REPLACE(SUBSTRING(CAST(daily_rollup.last_activity_at AS VARCHAR), 1, 16), 'T', ' ') AS activity_minute,
    REPLACE(SUBSTRING(CAST(DATEADD(DAY, -3, SYSDATE()) AS VARCHAR), 1, 16), 'T', ' ') AS quiet_since,
    'UTC' AS time_zone,
    '' AS left_out,
    CASE
      WHEN CHARINDEX(
        '<',
        COALESCE(
          COALESCE(newest_programs.name, newest_campaigns.program_name),
          CAST(newest_campaigns.program_id AS VARCHAR)
        )
      ) > 0
      THEN '<span>' || REPLACE(
        REPLACE(
          REPLACE(
            COALESCE(
              COALESCE(newest_programs.name, newest_campaigns.program_name),
              CAST(newest_campaigns.program_id AS VARCHAR)
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
      ELSE COALESCE(
        COALESCE(newest_programs.name, newest_campaigns.program_name),
        CAST(newest_campaigns.program_id AS VARCHAR)
      )
    END AS program_label,
    CASE
      WHEN CHARINDEX(
        '<',
        CASE
          WHEN (
            daily_rollup.campaign_id = 0
          )
          THEN 'Unknown campaign'
          ELSE COALESCE(newest_campaigns.name, CAST(daily_rollup.campaign_id AS VARCHAR))
        END
      ) > 0
      THEN '<span>' || REPLACE(
        REPLACE(
          REPLACE(
            CASE
              WHEN daily_rollup.campaign_id = 0
              THEN 'Unknown campaign'
              ELSE COALESCE(newest_campaigns.name, CAST(daily_rollup.campaign_id AS VARCHAR))
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
        WHEN daily_rollup.campaign_id = 0
        THEN 'Unknown campaign'
        ELSE COALESCE(newest_campaigns.name, CAST(daily_rollup.campaign_id AS VARCHAR))
      END
    END AS campaign_label,
    '' AS missing_in_log,
    daily_rollup.sent_count,
    daily_rollup.delivered_count,
    daily_rollup.hard_bounced_count,
    daily_rollup.soft_bounced_count,
    daily_rollup.pending_count,
    daily_rollup.aborted_count,
    daily_rollup.opened_count,
    daily_rollup.clicked_link_count,
    daily_rollup.unsubscribed_count,
    daily_rollup.human_opened_count,
    daily_rollup.human_clicked_count,
    daily_rollup.privacy_proxy_opened_count,
    daily_rollup.image_proxy_opened_count,
    daily_rollup.first_sent_at,
    daily_rollup.last_sent_at,
    daily_rollup.last_activity_at
  FROM daily_rollup
  LEFT OUTER JOIN newest_campaigns
    ON daily_rollup.campaign_id = newest_campaigns.campaign_id
  LEFT OUTER JOIN newest_programs
    ON newest_campaigns.program_id = newest_programs.program_id
  LEFT OUTER JOIN newest_emails
    ON daily_rollup.email_id = newest_emails.email_id
), report_columns AS (
  /* The columns in Marketo's order */
  SELECT
    1 AS column_position,
    'Sent' AS column_title
  UNION ALL
  SELECT
    2 AS column_position,
    'Delivered' AS column_title
  UNION ALL
  SELECT
    3 AS column_position,
    REPLACE('~ Delivered', '~', CHR(  37)) AS column_title
  UNION ALL
  SELECT
    4 AS column_position,
    'Hard Bounced' AS column_title
  UNION ALL
  SELECT
    5 AS column_position,
    REPLACE('~ Hard Bounced', '~', CHR(  37)) AS column_title
  UNION ALL
  SELECT
    6 AS column_position,
    'Soft Bounced' AS column_title
  UNION ALL
  SELECT
    7 AS column_position,
    REPLACE('~ Soft Bounced', '~', CHR(  37)) AS column_title
  UNION ALL
  SELECT
    8 AS column_position,
    'Pending' AS column_title
  UNION ALL
  SELECT
    9 AS column_position,
    'Aborted' AS column_title
  UNION ALL
  SELECT
    10 AS column_position,
    'Opened' AS column_title
  UNION ALL
  SELECT
    11 AS column_position,
    REPLACE('~ Opened', '~', CHR(  37)) AS column_title
  UNION ALL
  SELECT
    12 AS column_position,
    'Clicked Link' AS column_title
  UNION ALL
  SELECT
    13 AS column_position,
    REPLACE('~ Clicked Link', '~', CHR(  37)) AS column_title
  UNION ALL
  SELECT
    14 AS column_position,
    'Clicked to Opened Ratio' AS column_title
  UNION ALL
  SELECT
    15 AS column_position,
    'Unsubscribed' AS column_title
  UNION ALL
  SELECT
    16 AS column_position,
    REPLACE('~ Unsubscribed', '~', CHR(  37)) AS column_title
  UNION ALL
  SELECT
    17 AS column_position,
    'Human Opened' AS column_title
  UNION ALL
  SELECT
    18 AS column_position,
    REPLACE('~ Human Opened', '~', CHR(  37)) AS column_title
  UNION ALL
  SELECT
    19 AS column_position,
    'Human Clicked Link' AS column_title
  UNION ALL
  SELECT
    20 AS column_position,
    REPLACE('~ Human Clicked Link', '~', CHR(  37)) AS column_title
  UNION ALL
  SELECT
    21 AS column_position,
    'Privacy Proxy Opened' AS column_title
  UNION ALL
  SELECT
    22 AS column_position,
    'Image Proxy Opened' AS column_title
)
/* One row for each column of the report; a count has no denominator */
SELECT
  report.source_name,
  report.workspace,
  report.program_id,
  report.program_name,
  report.campaign_id,
  report.campaign_name,
  report.campaign_active,
  report.email_id,
  report.email_name,
  report.email_subject,
  report.operational,
  report.sent_date,
  report.email_link,
  report.email_label,
  report.program_label,
  report.campaign_label,
  report_columns.column_title,
  report_columns.column_position,
  CASE
    WHEN report_columns.column_position = 1
    THEN report.sent_count
    WHEN report_columns.column_position = 2
    THEN report.delivered_count
    WHEN report_columns.column_position = 3
    THEN report.delivered_count
    WHEN report_columns.column_position = 4
    THEN report.hard_bounced_count
    WHEN report_columns.column_position = 5
    THEN report.hard_bounced_count
    WHEN report_columns.column_position = 6
    THEN report.soft_bounced_count
    WHEN report_columns.column_position = 7
    THEN report.soft_bounced_count
    WHEN report_columns.column_position = 8
    THEN report.pending_count
    WHEN report_columns.column_position = 9
    THEN report.aborted_count
    WHEN report_columns.column_position = 10
    THEN report.opened_count
    WHEN report_columns.column_position = 11
    THEN report.opened_count
    WHEN report_columns.column_position = 12
    THEN report.clicked_link_count
    WHEN report_columns.column_position = 13
    THEN report.clicked_link_count
    WHEN report_columns.column_position = 14
    THEN report.clicked_link_count
    WHEN report_columns.column_position = 15
    THEN report.unsubscribed_count
    WHEN report_columns.column_position = 16
    THEN report.unsubscribed_count
    WHEN report_columns.column_position = 17
    THEN report.human_opened_count
    WHEN report_columns.column_position = 18
    THEN report.human_opened_count
    WHEN report_columns.column_position = 19
    THEN report.human_clicked_count
    WHEN report_columns.column_position = 20
    THEN report.human_clicked_count
    WHEN report_columns.column_position = 21
    THEN report.privacy_proxy_opened_count
    WHEN report_columns.column_position = 22
    THEN report.image_proxy_opened_count
  END AS numerator,
  CASE
    WHEN report_columns.column_position = 3
    THEN report.sent_count
    WHEN report_columns.column_position = 5
    THEN report.sent_count
    WHEN report_columns.column_position = 7
    THEN report.sent_count
    WHEN report_columns.column_position = 11
    THEN report.delivered_count
    WHEN report_columns.column_position = 13
    THEN report.delivered_count
    WHEN report_columns.column_position = 14
    THEN report.opened_count
    WHEN report_columns.column_position = 16
    THEN report.delivered_count
    WHEN report_columns.column_position = 18
    THEN report.delivered_count
    WHEN report_columns.column_position = 20
    THEN report.delivered_count
  END AS denominator
FROM report
JOIN report_columns
  ON 1 = 1
