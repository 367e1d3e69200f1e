WITH variant_rollup AS (
  /* The loader's table of sends does not tell variants */
  SELECT
    CAST(NULL AS BIGINT) AS campaign_id,
    CAST(NULL AS BIGINT) AS email_id,
    CAST(NULL AS TIMESTAMP) AS sent_date,
    CAST(NULL AS BIGINT) AS variant,
    CAST(NULL AS BIGINT) AS sent_count,
    CAST(NULL AS BIGINT) AS delivered_count,
    CAST(NULL AS BIGINT) AS hard_bounced_count,
    CAST(NULL AS BIGINT) AS soft_bounced_count,
    CAST(NULL AS BIGINT) AS pending_count,
    CAST(NULL AS BIGINT) AS aborted_count,
    CAST(NULL AS BIGINT) AS opened_count,
    CAST(NULL AS BIGINT) AS clicked_link_count,
    CAST(NULL AS BIGINT) AS unsubscribed_count,
    CAST(NULL AS BIGINT) AS human_opened_count,
    CAST(NULL AS BIGINT) AS human_clicked_count,
    CAST(NULL AS BIGINT) AS privacy_proxy_opened_count,
    CAST(NULL AS BIGINT) AS image_proxy_opened_count,
    CAST(NULL AS TIMESTAMP) AS first_sent_at,
    CAST(NULL AS TIMESTAMP) AS last_sent_at,
    CAST(NULL AS TIMESTAMP) AS last_activity_at,
    CAST(NULL AS TIMESTAMP) AS last_test_day
  WHERE
    1 = 0
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
        CAST(NULL AS STRING) AS program_name,
        NULLIF(TRIM(loaded.workspace_name), '') AS workspace,
        CASE
          WHEN LOWER(TRIM(CAST(loaded.active AS STRING))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b\'1\'')
          THEN 'Yes'
          WHEN LOWER(TRIM(CAST(loaded.active AS STRING))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b\'0\'')
          THEN 'No'
        END AS active,
        CASE
          WHEN LOWER(TRIM(CAST(loaded._fivetran_deleted AS STRING))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b\'1\'')
          THEN 'Yes'
          WHEN LOWER(TRIM(CAST(loaded._fivetran_deleted AS STRING))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b\'0\'')
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
              WHEN SUBSTRING(loaded.subject, 1, 1) = '{' AND LOCATE('"value"', loaded.subject) > 0
              THEN TRY_ELEMENT_AT(FROM_JSON(loaded.subject, 'MAP<STRING, STRING>'), 'value')
              ELSE loaded.subject
            END
          ),
          ''
        ) AS subject,
        CASE
          WHEN LOWER(TRIM(CAST(loaded.operational AS STRING))) IN ('true', 't', '1', '1.0', 'yes', 'y', 'on', 'b\'1\'')
          THEN 'Yes'
          WHEN LOWER(TRIM(CAST(loaded.operational AS STRING))) IN ('false', 'f', '0', '0.0', 'no', 'n', 'off', 'b\'0\'')
          THEN 'No'
        END AS operational,
        CAST(NULL AS STRING) AS archived,
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
    MAX(
      TO_TIMESTAMP_NTZ('1970-01-01') + MAKE_DT_INTERVAL(0, 0, 0, CAST(loaded.activity_date AS DECIMAL(20, 6)))
    ) AS named_at
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
    `both`.email_id,
    COALESCE(
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
/* The variants with names. A name that is missing shows the id */
SELECT
  CAST(NULL AS STRING) AS source_name,
  COALESCE(newest_campaigns.workspace, newest_programs.workspace, newest_emails.workspace) AS workspace,
  newest_campaigns.program_id,
  COALESCE(
    COALESCE(newest_programs.name, newest_campaigns.program_name),
    CAST(newest_campaigns.program_id AS STRING)
  ) AS program_name,
  NULLIF(variant_rollup.campaign_id, 0) AS campaign_id,
  CASE
    WHEN variant_rollup.campaign_id = 0
    THEN 'Unknown campaign'
    ELSE COALESCE(newest_campaigns.name, CAST(variant_rollup.campaign_id AS STRING))
  END AS campaign_name,
  newest_campaigns.active AS campaign_active,
  variant_rollup.email_id,
  COALESCE(newest_emails.name, CAST(variant_rollup.email_id AS STRING)) AS email_name,
  newest_emails.subject AS email_subject,
  newest_emails.operational,
  variant_rollup.sent_date,
  REPLACE(
    REPLACE(
      REPLACE(
        '<a title="[name]" href="/campaign-email/[id]/?campaign_id=[campaign]" target="_blank">[name]</a>',
        '[id]',
        CAST(variant_rollup.email_id AS STRING)
      ),
      '[campaign]',
      CAST(COALESCE(NULLIF(variant_rollup.campaign_id, 0), 0) AS STRING)
    ),
    '[name]',
    REPLACE(
      REPLACE(
        REPLACE(
          REPLACE(
            REPLACE(COALESCE(newest_emails.name, CAST(variant_rollup.email_id AS STRING)), '&', '&amp;'),
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
    WHEN LOCATE('<', COALESCE(newest_emails.name, CAST(variant_rollup.email_id AS STRING))) > 0
    THEN '<span>' || REPLACE(
      REPLACE(
        REPLACE(COALESCE(newest_emails.name, CAST(variant_rollup.email_id AS STRING)), '&', '&amp;'),
        '<',
        '&lt;'
      ),
      '>',
      '&gt;'
    ) || '</span>'
    ELSE COALESCE(newest_emails.name, CAST(variant_rollup.email_id AS STRING))
  END AS email_label,
  SUBSTRING(CAST(variant_rollup.sent_date AS STRING), 1, 10) AS sent_day,
  CASE
    WHEN LOCATE(
      '<',
      COALESCE(
        COALESCE(newest_programs.name, newest_campaigns.program_name),
        CAST(newest_campaigns.program_id AS STRING)
      )
    ) > 0
    THEN '<span>' || REPLACE(
      REPLACE(
        REPLACE(
          COALESCE(
            COALESCE(newest_programs.name, newest_campaigns.program_name),
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
    ELSE COALESCE(
      COALESCE(newest_programs.name, newest_campaigns.program_name),
      CAST(newest_campaigns.program_id AS STRING)
    )
  END AS program_label,
  CASE
    WHEN LOCATE(
      '<',
      CASE
        WHEN (
          variant_rollup.campaign_id = 0
        )
        THEN 'Unknown campaign'
        ELSE COALESCE(newest_campaigns.name, CAST(variant_rollup.campaign_id AS STRING))
      END
    ) > 0
    THEN '<span>' || REPLACE(
      REPLACE(
        REPLACE(
          CASE
            WHEN variant_rollup.campaign_id = 0
            THEN 'Unknown campaign'
            ELSE COALESCE(newest_campaigns.name, CAST(variant_rollup.campaign_id AS STRING))
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
      WHEN variant_rollup.campaign_id = 0
      THEN 'Unknown campaign'
      ELSE COALESCE(newest_campaigns.name, CAST(variant_rollup.campaign_id AS STRING))
    END
  END AS campaign_label,
  variant_rollup.variant,
  'Variant ' || CAST(variant_rollup.variant AS STRING) AS variant_label,
  '✅ ' || 'Variant ' || CAST(variant_rollup.variant AS STRING) || ' is ahead' AS variant_ahead,
  variant_rollup.last_test_day,
  variant_rollup.sent_count,
  variant_rollup.delivered_count,
  variant_rollup.hard_bounced_count,
  variant_rollup.soft_bounced_count,
  variant_rollup.pending_count,
  variant_rollup.aborted_count,
  variant_rollup.opened_count,
  variant_rollup.clicked_link_count,
  variant_rollup.unsubscribed_count,
  variant_rollup.human_opened_count,
  variant_rollup.human_clicked_count,
  variant_rollup.privacy_proxy_opened_count,
  variant_rollup.image_proxy_opened_count,
  variant_rollup.first_sent_at,
  variant_rollup.last_sent_at,
  variant_rollup.last_activity_at
FROM variant_rollup
LEFT OUTER JOIN newest_campaigns
  ON variant_rollup.campaign_id = newest_campaigns.campaign_id
LEFT OUTER JOIN newest_programs
  ON newest_campaigns.program_id = newest_programs.program_id
LEFT OUTER JOIN newest_emails
  ON variant_rollup.email_id = newest_emails.email_id
