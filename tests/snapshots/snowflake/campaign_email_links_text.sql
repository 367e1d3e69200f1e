WITH link_events AS (
  /* Clicks on links of the emails */
  SELECT
    CAST(NULLIF(TRIM(loaded.campaign_id), '') AS BIGINT) AS campaign_id,
    CAST(NULLIF(TRIM(loaded.primary_attribute_value_id), '') AS BIGINT) AS email_id,
    CAST(NULLIF(TRIM(loaded.lead_id), '') AS BIGINT) AS person_id,
    CASE
      WHEN REGEXP_INSTR(
        NULLIF(TRIM(loaded.activity_date), ''),
        '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
      ) > 0
      THEN CAST(CONVERT_TIMEZONE(
        'UTC',
        TO_TIMESTAMP_TZ(
          REGEXP_REPLACE(
            REGEXP_REPLACE(NULLIF(TRIM(loaded.activity_date), ''), ' *UTC$', 'Z'),
            ' *Z?([+-][0-9:]+)$',
            '\\1'
          )
        )
      ) AS TIMESTAMPNTZ)
      ELSE CAST(NULLIF(TRIM(loaded.activity_date), '') AS TIMESTAMPNTZ)
    END AS activity_at,
    NULLIF(TRIM(loaded.id), '') AS activity_id,
    NULLIF(TRIM(loaded.link), '') AS link
  FROM marketo.activity_click_email AS loaded
  WHERE
    NULLIF(TRIM(loaded.link), '') IS NULL
    OR NOT (
      SUBSTRING(LOWER(NULLIF(TRIM(loaded.link), '')), 1, 7) = 'mailto:'
      OR CHARINDEX('mkt_unsubscribe=1', LOWER(NULLIF(TRIM(loaded.link), ''))) > 0
    )
), counted_sends AS (
  /* Sends that count: neither skipped nor failed, with campaign, email and person */
  SELECT
    COALESCE(CAST(NULLIF(TRIM(loaded.campaign_id), '') AS BIGINT), 0) AS campaign_id,
    CAST(NULLIF(TRIM(loaded.primary_attribute_value_id), '') AS BIGINT) AS email_id,
    CAST(NULLIF(TRIM(loaded.lead_id), '') AS BIGINT) AS person_id,
    CASE
      WHEN REGEXP_INSTR(
        NULLIF(TRIM(loaded.activity_date), ''),
        '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
      ) > 0
      THEN CAST(CONVERT_TIMEZONE(
        'UTC',
        TO_TIMESTAMP_TZ(
          REGEXP_REPLACE(
            REGEXP_REPLACE(NULLIF(TRIM(loaded.activity_date), ''), ' *UTC$', 'Z'),
            ' *Z?([+-][0-9:]+)$',
            '\\1'
          )
        )
      ) AS TIMESTAMPNTZ)
      ELSE CAST(NULLIF(TRIM(loaded.activity_date), '') AS TIMESTAMPNTZ)
    END AS activity_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT COALESCE(LOWER(NULLIF(TRIM(loaded.action_result), '')), '') IN ('skipped', 'failed')
    )
    AND NOT COALESCE(CAST(NULLIF(TRIM(loaded.campaign_id), '') AS BIGINT), 0) IS NULL
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
  /* Who was sent what, and when first */
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
), link_clicks AS (
  /* Clicks on each link, by the day of the send; a repeated row of the log counts once */
  SELECT
    by_person.campaign_id,
    by_person.email_id,
    by_person.sent_date,
    by_person.link,
    CAST(SUM(by_person.click_count) AS BIGINT) AS click_count,
    COUNT(*) AS people_count,
    CAST(SUM(CASE WHEN by_person.link_place = 1 THEN 1 ELSE 0 END) AS BIGINT) AS clickers_count
  FROM (
    SELECT
      placed.campaign_id,
      placed.email_id,
      placed.person_id,
      placed.link,
      DATE_TRUNC('DAY', MIN(placed.sent_at)) AS sent_date,
      COUNT(DISTINCT placed.activity_id) AS click_count,
      ROW_NUMBER() OVER (
        PARTITION BY placed.campaign_id, placed.email_id, placed.person_id
        ORDER BY placed.link
      ) AS link_place
    FROM (
      /* Clicks of people who were sent the email */
      SELECT
        known.campaign_id,
        known.email_id,
        known.person_id,
        known.link,
        known.activity_id,
        recipients.sent_at
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
    ) AS placed
    GROUP BY
      placed.campaign_id,
      placed.email_id,
      placed.person_id,
      placed.link
  ) AS by_person
  GROUP BY
    by_person.campaign_id,
    by_person.email_id,
    by_person.sent_date,
    by_person.link
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
        ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, CASE WHEN loaded_versions.sort_key_2 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_2 DESC, CASE WHEN loaded_versions.sort_key_3 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_3 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        CASE
          WHEN REGEXP_INSTR(NULLIF(TRIM(loaded.id), ''), '^[+-]?[0-9]{1,19}([.]0*)?$') > 0
          THEN TRY_CAST(REGEXP_REPLACE(NULLIF(TRIM(loaded.id), ''), '[.]0*$', '') AS BIGINT)
        END AS campaign_id,
        NULLIF(TRIM(loaded.name), '') AS name,
        CASE
          WHEN REGEXP_INSTR(NULLIF(TRIM(loaded.program_id), ''), '^[+-]?[0-9]{1,19}([.]0*)?$') > 0
          THEN TRY_CAST(REGEXP_REPLACE(NULLIF(TRIM(loaded.program_id), ''), '[.]0*$', '') AS BIGINT)
        END AS program_id,
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
        CASE
          WHEN REGEXP_INSTR(
            NULLIF(TRIM(loaded.updated_at), ''),
            '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
          ) > 0
          THEN CASE
            WHEN REGEXP_INSTR(
              NULLIF(TRIM(loaded.updated_at), ''),
              '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
            ) > 0
            THEN CAST(CONVERT_TIMEZONE(
              'UTC',
              TO_TIMESTAMP_TZ(
                REGEXP_REPLACE(
                  REGEXP_REPLACE(NULLIF(TRIM(loaded.updated_at), ''), ' *UTC$', 'Z'),
                  ' *Z?([+-][0-9:]+)$',
                  '\\1'
                )
              )
            ) AS TIMESTAMPNTZ)
            ELSE CAST(NULLIF(TRIM(loaded.updated_at), '') AS TIMESTAMPNTZ)
          END
        END AS sort_key_1,
        LENGTH(loaded.updated_at) AS sort_key_2,
        loaded.updated_at AS sort_key_3
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
        ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, CASE WHEN loaded_versions.sort_key_2 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_2 DESC, CASE WHEN loaded_versions.sort_key_3 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_3 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        CASE
          WHEN REGEXP_INSTR(NULLIF(TRIM(loaded.id), ''), '^[+-]?[0-9]{1,19}([.]0*)?$') > 0
          THEN TRY_CAST(REGEXP_REPLACE(NULLIF(TRIM(loaded.id), ''), '[.]0*$', '') AS BIGINT)
        END AS program_id,
        NULLIF(TRIM(loaded.name), '') AS name,
        NULLIF(TRIM(loaded.workspace), '') AS workspace,
        CASE
          WHEN REGEXP_INSTR(
            NULLIF(TRIM(loaded.updated_at), ''),
            '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
          ) > 0
          THEN CASE
            WHEN REGEXP_INSTR(
              NULLIF(TRIM(loaded.updated_at), ''),
              '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
            ) > 0
            THEN CAST(CONVERT_TIMEZONE(
              'UTC',
              TO_TIMESTAMP_TZ(
                REGEXP_REPLACE(
                  REGEXP_REPLACE(NULLIF(TRIM(loaded.updated_at), ''), ' *UTC$', 'Z'),
                  ' *Z?([+-][0-9:]+)$',
                  '\\1'
                )
              )
            ) AS TIMESTAMPNTZ)
            ELSE CAST(NULLIF(TRIM(loaded.updated_at), '') AS TIMESTAMPNTZ)
          END
        END AS sort_key_1,
        LENGTH(loaded.updated_at) AS sort_key_2,
        loaded.updated_at AS sort_key_3
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
        ORDER BY CASE WHEN loaded_versions.preference IS NULL THEN 1 ELSE 0 END, loaded_versions.preference DESC, CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, CASE WHEN loaded_versions.sort_key_2 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_2 DESC, CASE WHEN loaded_versions.sort_key_3 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_3 DESC, CASE WHEN loaded_versions.sort_key_4 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_4 DESC, CASE WHEN loaded_versions.sort_key_5 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_5 DESC, CASE WHEN loaded_versions.sort_key_6 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_6 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        CASE
          WHEN REGEXP_INSTR(NULLIF(TRIM(loaded.id), ''), '^[+-]?[0-9]{1,19}([.]0*)?$') > 0
          THEN TRY_CAST(REGEXP_REPLACE(NULLIF(TRIM(loaded.id), ''), '[.]0*$', '') AS BIGINT)
        END AS email_id,
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
        CASE
          WHEN REGEXP_INSTR(
            NULLIF(TRIM(loaded.updated_at), ''),
            '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
          ) > 0
          THEN CASE
            WHEN REGEXP_INSTR(
              NULLIF(TRIM(loaded.updated_at), ''),
              '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
            ) > 0
            THEN CAST(CONVERT_TIMEZONE(
              'UTC',
              TO_TIMESTAMP_TZ(
                REGEXP_REPLACE(
                  REGEXP_REPLACE(NULLIF(TRIM(loaded.updated_at), ''), ' *UTC$', 'Z'),
                  ' *Z?([+-][0-9:]+)$',
                  '\\1'
                )
              )
            ) AS TIMESTAMPNTZ)
            ELSE CAST(NULLIF(TRIM(loaded.updated_at), '') AS TIMESTAMPNTZ)
          END
        END AS sort_key_1,
        LENGTH(loaded.updated_at) AS sort_key_2,
        loaded.updated_at AS sort_key_3,
        CASE
          WHEN REGEXP_INSTR(
            NULLIF(TRIM(loaded.version), ''),
            '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
          ) > 0
          THEN CASE
            WHEN REGEXP_INSTR(
              NULLIF(TRIM(loaded.version), ''),
              '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
            ) > 0
            THEN CAST(CONVERT_TIMEZONE(
              'UTC',
              TO_TIMESTAMP_TZ(
                REGEXP_REPLACE(
                  REGEXP_REPLACE(NULLIF(TRIM(loaded.version), ''), ' *UTC$', 'Z'),
                  ' *Z?([+-][0-9:]+)$',
                  '\\1'
                )
              )
            ) AS TIMESTAMPNTZ)
            ELSE CAST(NULLIF(TRIM(loaded.version), '') AS TIMESTAMPNTZ)
          END
        END AS sort_key_4,
        LENGTH(loaded.version) AS sort_key_5,
        loaded.version AS sort_key_6
      FROM marketo.email_template_history AS loaded
    ) AS loaded_versions
  ) AS versions
  WHERE
    versions.version_place = 1
), sent_email_names AS (
  /* What sends call their email, each name once */
  SELECT
    CAST(NULLIF(TRIM(loaded.primary_attribute_value_id), '') AS BIGINT) AS email_id,
    NULLIF(TRIM(loaded.primary_attribute_value), '') AS name,
    MAX(
      CASE
        WHEN REGEXP_INSTR(
          NULLIF(TRIM(loaded.activity_date), ''),
          '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
        ) > 0
        THEN CAST(CONVERT_TIMEZONE(
          'UTC',
          TO_TIMESTAMP_TZ(
            REGEXP_REPLACE(
              REGEXP_REPLACE(NULLIF(TRIM(loaded.activity_date), ''), ' *UTC$', 'Z'),
              ' *Z?([+-][0-9:]+)$',
              '\\1'
            )
          )
        ) AS TIMESTAMPNTZ)
        ELSE CAST(NULLIF(TRIM(loaded.activity_date), '') AS TIMESTAMPNTZ)
      END
    ) AS named_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT COALESCE(LOWER(NULLIF(TRIM(loaded.action_result), '')), '') IN ('skipped', 'failed')
    )
    AND NOT CAST(NULLIF(TRIM(loaded.primary_attribute_value_id), '') AS BIGINT) IS NULL
    AND NOT NULLIF(TRIM(loaded.primary_attribute_value), '') IS NULL
  GROUP BY
    CAST(NULLIF(TRIM(loaded.primary_attribute_value_id), '') AS BIGINT),
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
)
/* The clicks with names. A name that is missing shows the id */
SELECT
  CAST(NULL AS VARCHAR) AS source_name,
  COALESCE(newest_campaigns.workspace, newest_programs.workspace, newest_emails.workspace) AS workspace,
  newest_campaigns.program_id,
  COALESCE(
    COALESCE(newest_programs.name, newest_campaigns.program_name),
    CAST(newest_campaigns.program_id AS VARCHAR)
  ) AS program_name,
  NULLIF(link_clicks.campaign_id, 0) AS campaign_id,
  CASE
    WHEN link_clicks.campaign_id = 0
    THEN 'Unknown campaign'
    ELSE COALESCE(newest_campaigns.name, CAST(link_clicks.campaign_id AS VARCHAR))
  END AS campaign_name,
  newest_campaigns.active AS campaign_active,
  link_clicks.email_id,
  COALESCE(newest_emails.name, CAST(link_clicks.email_id AS VARCHAR)) AS email_name,
  newest_emails.subject AS email_subject,
  newest_emails.operational,
  CASE
    WHEN CHARINDEX('<', COALESCE(newest_emails.name, CAST(link_clicks.email_id AS VARCHAR))) > 0
    THEN '<span>' || REPLACE(
      REPLACE(
        REPLACE(COALESCE(newest_emails.name, CAST(link_clicks.email_id AS VARCHAR)), '&', '&amp;'),
        '<',
        '&lt;'
      ),
      '>',
      '&gt;'
    ) || '</span>'
    ELSE COALESCE(newest_emails.name, CAST(link_clicks.email_id AS VARCHAR))
  END AS email_label,
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
          link_clicks.campaign_id = 0
        )
        THEN 'Unknown campaign'
        ELSE COALESCE(newest_campaigns.name, CAST(link_clicks.campaign_id AS VARCHAR))
      END
    ) > 0
    THEN '<span>' || REPLACE(
      REPLACE(
        REPLACE(
          CASE
            WHEN link_clicks.campaign_id = 0
            THEN 'Unknown campaign'
            ELSE COALESCE(newest_campaigns.name, CAST(link_clicks.campaign_id AS VARCHAR))
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
      WHEN link_clicks.campaign_id = 0
      THEN 'Unknown campaign'
      ELSE COALESCE(newest_campaigns.name, CAST(link_clicks.campaign_id AS VARCHAR))
    END
  END AS campaign_label,
  link_clicks.sent_date,
  link_clicks.link,
  link_clicks.click_count,
  link_clicks.people_count,
  link_clicks.clickers_count
FROM link_clicks
LEFT OUTER JOIN newest_campaigns
  ON link_clicks.campaign_id = newest_campaigns.campaign_id
LEFT OUTER JOIN newest_programs
  ON newest_campaigns.program_id = newest_programs.program_id
LEFT OUTER JOIN newest_emails
  ON link_clicks.email_id = newest_emails.email_id
