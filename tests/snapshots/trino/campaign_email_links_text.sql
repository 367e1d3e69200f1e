WITH link_events AS (
  /* Clicks on links of the emails */
  SELECT
    CAST(NULLIF(TRIM(loaded.campaign_id), '') AS BIGINT) AS campaign_id,
    CAST(NULLIF(TRIM(loaded.primary_attribute_value_id), '') AS BIGINT) AS email_id,
    CAST(NULLIF(TRIM(loaded.lead_id), '') AS BIGINT) AS person_id,
    CASE
      WHEN REGEXP_LIKE(
        NULLIF(TRIM(loaded.activity_date), ''),
        '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
      )
      THEN CAST(AT_TIMEZONE(
        FROM_ISO8601_TIMESTAMP_NANOS(
          REGEXP_REPLACE(REPLACE(NULLIF(TRIM(loaded.activity_date), ''), ' UTC', 'Z'), ' +', 'T')
        ),
        'UTC'
      ) AS TIMESTAMP(6))
      ELSE CAST(REPLACE(NULLIF(TRIM(loaded.activity_date), ''), 'T', ' ') AS TIMESTAMP(6))
    END AS activity_at,
    NULLIF(TRIM(loaded.id), '') AS activity_id,
    NULLIF(TRIM(loaded.link), '') AS link
  FROM marketo.activity_click_email AS loaded
  WHERE
    NULLIF(TRIM(loaded.link), '') IS NULL
    OR NOT (
      SUBSTRING(LOWER(NULLIF(TRIM(loaded.link), '')), 1, 7) = 'mailto:'
      OR STRPOS(LOWER(NULLIF(TRIM(loaded.link), '')), 'mkt_unsubscribe=1') > 0
    )
), counted_sends AS (
  /* Sends that count: neither skipped nor failed, with campaign, email and person */
  SELECT
    CAST(NULLIF(TRIM(loaded.campaign_id), '') AS BIGINT) AS campaign_id,
    CAST(NULLIF(TRIM(loaded.primary_attribute_value_id), '') AS BIGINT) AS email_id,
    CAST(NULLIF(TRIM(loaded.lead_id), '') AS BIGINT) AS person_id,
    CASE
      WHEN REGEXP_LIKE(
        NULLIF(TRIM(loaded.activity_date), ''),
        '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
      )
      THEN CAST(AT_TIMEZONE(
        FROM_ISO8601_TIMESTAMP_NANOS(
          REGEXP_REPLACE(REPLACE(NULLIF(TRIM(loaded.activity_date), ''), ' UTC', 'Z'), ' +', 'T')
        ),
        'UTC'
      ) AS TIMESTAMP(6))
      ELSE CAST(REPLACE(NULLIF(TRIM(loaded.activity_date), ''), 'T', ' ') AS TIMESTAMP(6))
    END AS activity_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT COALESCE(LOWER(NULLIF(TRIM(loaded.action_result), '')), '') IN ('skipped', 'failed')
    )
    AND NOT CAST(NULLIF(TRIM(loaded.campaign_id), '') AS BIGINT) IS NULL
    AND NOT CAST(NULLIF(TRIM(loaded.primary_attribute_value_id), '') AS BIGINT) IS NULL
    AND NOT CAST(NULLIF(TRIM(loaded.lead_id), '') AS BIGINT) IS NULL
), link_latest_sends AS (
  /* An activity without a campaign belongs to that person's latest send of that email at or before it */
  SELECT
    candidates.campaign_id,
    candidates.email_id,
    candidates.person_id,
    candidates.activity_at
  FROM (
    SELECT
      counted_sends.campaign_id,
      link_events.email_id,
      link_events.person_id,
      link_events.activity_at,
      ROW_NUMBER() OVER (
        PARTITION BY link_events.email_id, link_events.person_id, link_events.activity_at
        ORDER BY counted_sends.activity_at DESC, counted_sends.campaign_id DESC
      ) AS send_place
    FROM link_events
    JOIN counted_sends
      ON link_events.email_id = counted_sends.email_id
      AND link_events.person_id = counted_sends.person_id
      AND link_events.activity_at >= counted_sends.activity_at
    WHERE
      link_events.campaign_id IS NULL
  ) AS candidates
  WHERE
    candidates.send_place = 1
), recipients AS (
  /* Who was sent what */
  SELECT DISTINCT
    counted_sends.campaign_id,
    counted_sends.email_id,
    counted_sends.person_id
  FROM counted_sends
), link_clicks AS (
  /* Clicks of people who were sent the email; a repeated row of the log counts once */
  SELECT
    known.campaign_id,
    known.email_id,
    known.link,
    COUNT(DISTINCT known.activity_id) AS click_count,
    COUNT(DISTINCT known.person_id) AS people_count
  FROM (
    SELECT
      link_events.campaign_id,
      link_events.email_id,
      link_events.person_id,
      link_events.activity_at,
      link_events.activity_id,
      link_events.link
    FROM link_events
    WHERE
      NOT link_events.campaign_id IS NULL
    UNION ALL
    SELECT
      link_latest_sends.campaign_id,
      link_events.email_id,
      link_events.person_id,
      link_events.activity_at,
      link_events.activity_id,
      link_events.link
    FROM link_events
    JOIN link_latest_sends
      ON link_events.email_id = link_latest_sends.email_id
      AND link_events.person_id = link_latest_sends.person_id
      AND link_events.activity_at = link_latest_sends.activity_at
    WHERE
      link_events.campaign_id IS NULL
  ) AS known
  JOIN recipients
    ON known.campaign_id = recipients.campaign_id
    AND known.email_id = recipients.email_id
    AND known.person_id = recipients.person_id
  GROUP BY
    known.campaign_id,
    known.email_id,
    known.link
), newest_campaigns AS (
  /* The newest version of each asset */
  SELECT
    versions.campaign_id,
    versions.name,
    versions.program_id,
    versions.workspace,
    versions.active
  FROM (
    SELECT
      CAST(NULLIF(TRIM(loaded.id), '') AS BIGINT) AS campaign_id,
      NULLIF(TRIM(loaded.name), '') AS name,
      CAST(NULLIF(TRIM(loaded.program_id), '') AS BIGINT) AS program_id,
      NULLIF(TRIM(loaded.workspace_name), '') AS workspace,
      CASE
        WHEN LOWER(TRIM(CAST(loaded.active AS VARCHAR))) IN ('true', 't', '1', 'yes')
        THEN 'Yes'
        WHEN LOWER(TRIM(CAST(loaded.active AS VARCHAR))) IN ('false', 'f', '0', 'no')
        THEN 'No'
      END AS active,
      ROW_NUMBER() OVER (
        PARTITION BY CAST(NULLIF(TRIM(loaded.id), '') AS BIGINT)
        ORDER BY CASE WHEN loaded.updated_at IS NULL THEN 1 ELSE 0 END, loaded.updated_at DESC, NULLIF(TRIM(loaded.name), '')
      ) AS version_place
    FROM marketo.campaign AS loaded
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
      CAST(NULLIF(TRIM(loaded.id), '') AS BIGINT) AS program_id,
      NULLIF(TRIM(loaded.name), '') AS name,
      NULLIF(TRIM(loaded.workspace), '') AS workspace,
      ROW_NUMBER() OVER (
        PARTITION BY CAST(NULLIF(TRIM(loaded.id), '') AS BIGINT)
        ORDER BY CASE WHEN loaded.updated_at IS NULL THEN 1 ELSE 0 END, loaded.updated_at DESC, NULLIF(TRIM(loaded.name), '')
      ) AS version_place
    FROM marketo.program AS loaded
  ) AS versions
  WHERE
    versions.version_place = 1
), newest_emails AS (
  /* The newest version of each asset */
  SELECT
    versions.email_id,
    versions.name,
    versions.subject,
    versions.operational,
    versions.workspace
  FROM (
    SELECT
      CAST(NULLIF(TRIM(loaded.id), '') AS BIGINT) AS email_id,
      NULLIF(TRIM(loaded.name), '') AS name,
      NULLIF(TRIM(loaded.subject), '') AS subject,
      CASE
        WHEN LOWER(TRIM(CAST(loaded.operational AS VARCHAR))) IN ('true', 't', '1', 'yes')
        THEN 'Yes'
        WHEN LOWER(TRIM(CAST(loaded.operational AS VARCHAR))) IN ('false', 'f', '0', 'no')
        THEN 'No'
      END AS operational,
      NULLIF(TRIM(loaded.workspace), '') AS workspace,
      ROW_NUMBER() OVER (
        PARTITION BY CAST(NULLIF(TRIM(loaded.id), '') AS BIGINT)
        ORDER BY CASE WHEN loaded.updated_at IS NULL THEN 1 ELSE 0 END, loaded.updated_at DESC, CASE WHEN loaded.version IS NULL THEN 1 ELSE 0 END, loaded.version DESC, NULLIF(TRIM(loaded.name), '')
      ) AS version_place
    FROM marketo.email_template_history AS loaded
  ) AS versions
  WHERE
    versions.version_place = 1
)
/* The clicks with names. A name that is missing shows the id */
SELECT
  COALESCE(newest_campaigns.workspace, newest_programs.workspace, newest_emails.workspace) AS workspace,
  newest_campaigns.program_id,
  COALESCE(newest_programs.name, CAST(newest_campaigns.program_id AS VARCHAR)) AS program_name,
  link_clicks.campaign_id,
  COALESCE(newest_campaigns.name, CAST(link_clicks.campaign_id AS VARCHAR)) AS campaign_name,
  newest_campaigns.active AS campaign_active,
  link_clicks.email_id,
  COALESCE(newest_emails.name, CAST(link_clicks.email_id AS VARCHAR)) AS email_name,
  newest_emails.subject AS email_subject,
  newest_emails.operational,
  link_clicks.link,
  link_clicks.click_count,
  link_clicks.people_count
FROM link_clicks
LEFT OUTER JOIN newest_campaigns
  ON link_clicks.campaign_id = newest_campaigns.campaign_id
LEFT OUTER JOIN newest_programs
  ON newest_campaigns.program_id = newest_programs.program_id
LEFT OUTER JOIN newest_emails
  ON link_clicks.email_id = newest_emails.email_id
