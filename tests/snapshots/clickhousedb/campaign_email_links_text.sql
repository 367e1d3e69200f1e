WITH link_events AS (
  /* Clicks on links of the emails */
  SELECT
    CAST(replaceRegexpAll(nullIf(TRIM(CAST(loaded.campaign_id AS Nullable(String))), ''), '[.]0*$', '') AS Nullable(Int64)) AS campaign_id,
    CAST(replaceRegexpAll(
      nullIf(TRIM(CAST(loaded.primary_attribute_value_id AS Nullable(String))), ''),
      '[.]0*$',
      ''
    ) AS Nullable(Int64)) AS email_id,
    CAST(replaceRegexpAll(nullIf(TRIM(CAST(loaded.lead_id AS Nullable(String))), ''), '[.]0*$', '') AS Nullable(Int64)) AS person_id,
    parseDateTime64BestEffort(
      replaceRegexpAll(
        nullIf(TRIM(CAST(loaded.activity_date AS Nullable(String))), ''),
        ' *Z?([+-][0-9:]+)$',
        '\\1'
      ),
      6,
      'UTC'
    ) AS activity_at,
    nullIf(TRIM(CAST(loaded.id AS Nullable(String))), '') AS activity_id,
    nullIf(TRIM(CAST(loaded.link AS Nullable(String))), '') AS link
  FROM marketo.activity_click_email AS loaded
  WHERE
    nullIf(TRIM(CAST(loaded.link AS Nullable(String))), '') IS NULL
    OR NOT (
      substr(lower(nullIf(TRIM(CAST(loaded.link AS Nullable(String))), '')), 1, 7) = 'mailto:'
      OR POSITION(
        lower(nullIf(TRIM(CAST(loaded.link AS Nullable(String))), '')),
        'mkt_unsubscribe=1'
      ) > 0
    )
), counted_sends AS (
  /* Sends that count: neither skipped nor failed, with campaign, email and person */
  SELECT
    coalesce(
      CAST(replaceRegexpAll(nullIf(TRIM(CAST(loaded.campaign_id AS Nullable(String))), ''), '[.]0*$', '') AS Nullable(Int64)),
      0
    ) AS campaign_id,
    CAST(replaceRegexpAll(
      nullIf(TRIM(CAST(loaded.primary_attribute_value_id AS Nullable(String))), ''),
      '[.]0*$',
      ''
    ) AS Nullable(Int64)) AS email_id,
    CAST(replaceRegexpAll(nullIf(TRIM(CAST(loaded.lead_id AS Nullable(String))), ''), '[.]0*$', '') AS Nullable(Int64)) AS person_id,
    parseDateTime64BestEffort(
      replaceRegexpAll(
        nullIf(TRIM(CAST(loaded.activity_date AS Nullable(String))), ''),
        ' *Z?([+-][0-9:]+)$',
        '\\1'
      ),
      6,
      'UTC'
    ) AS activity_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT (
        coalesce(lower(nullIf(TRIM(CAST(loaded.action_result AS Nullable(String))), '')), '') IN ('skipped', 'failed')
      )
    )
    AND NOT (
      coalesce(
        CAST(replaceRegexpAll(nullIf(TRIM(CAST(loaded.campaign_id AS Nullable(String))), ''), '[.]0*$', '') AS Nullable(Int64)),
        0
      ) IS NULL
    )
    AND NOT (
      CAST(replaceRegexpAll(
        nullIf(TRIM(CAST(loaded.primary_attribute_value_id AS Nullable(String))), ''),
        '[.]0*$',
        ''
      ) AS Nullable(Int64)) IS NULL
    )
    AND NOT (
      CAST(replaceRegexpAll(nullIf(TRIM(CAST(loaded.lead_id AS Nullable(String))), ''), '[.]0*$', '') AS Nullable(Int64)) IS NULL
    )
), link_latest_sends AS (
  /* An activity without a campaign belongs to that person's latest send of that email at or before it */
  SELECT
    candidates.campaign_id,
    candidates.email_id,
    candidates.person_id,
    candidates.activity_at
  FROM (
    SELECT
      counted_sends.campaign_id AS campaign_id,
      link_events.email_id AS email_id,
      link_events.person_id AS person_id,
      link_events.activity_at AS activity_at,
      row_number() OVER (
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
    min(counted_sends.activity_at) AS sent_at
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
    CAST(sum(by_person.click_count) AS Nullable(Int64)) AS click_count,
    count(*) AS people_count,
    CAST(sum(CASE WHEN by_person.link_place = 1 THEN 1 ELSE 0 END) AS Nullable(Int64)) AS clickers_count
  FROM (
    SELECT
      placed.campaign_id,
      placed.email_id,
      placed.person_id,
      placed.link,
      toDateTime64(dateTrunc('day', min(placed.sent_at)), 6, 'UTC') AS sent_date,
      count(DISTINCT placed.activity_id) AS click_count,
      row_number() OVER (
        PARTITION BY placed.campaign_id, placed.email_id, placed.person_id
        ORDER BY placed.link
      ) AS link_place
    FROM (
      /* Clicks of people who were sent the email */
      SELECT
        known.campaign_id AS campaign_id,
        known.email_id AS email_id,
        known.person_id AS person_id,
        known.link AS link,
        known.activity_id AS activity_id,
        recipients.sent_at AS sent_at
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
          NOT (
            link_events.campaign_id IS NULL
          )
        UNION ALL
        SELECT
          link_latest_sends.campaign_id AS campaign_id,
          link_events.email_id AS email_id,
          link_events.person_id AS person_id,
          link_events.activity_at AS activity_at,
          link_events.activity_id AS activity_id,
          link_events.link AS link
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
      row_number() OVER (
        PARTITION BY loaded_versions.campaign_id
        ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, CASE WHEN loaded_versions.sort_key_2 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_2 DESC, CASE WHEN loaded_versions.sort_key_3 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_3 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        CASE
          WHEN match(
            nullIf(TRIM(CAST(loaded.id AS Nullable(String))), ''),
            '^[+-]?[0-9]{1,19}([.]0*)?$'
          )
          THEN CAST(toInt64OrNull(
            ifNull(
              replaceRegexpAll(nullIf(TRIM(CAST(loaded.id AS Nullable(String))), ''), '[.]0*$', ''),
              ''
            )
          ) AS Nullable(Int64))
        END AS campaign_id,
        nullIf(TRIM(CAST(loaded.name AS Nullable(String))), '') AS name,
        CASE
          WHEN match(
            nullIf(TRIM(CAST(loaded.program_id AS Nullable(String))), ''),
            '^[+-]?[0-9]{1,19}([.]0*)?$'
          )
          THEN CAST(toInt64OrNull(
            ifNull(
              replaceRegexpAll(nullIf(TRIM(CAST(loaded.program_id AS Nullable(String))), ''), '[.]0*$', ''),
              ''
            )
          ) AS Nullable(Int64))
        END AS program_id,
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
        CASE
          WHEN match(
            nullIf(TRIM(CAST(loaded.updated_at AS Nullable(String))), ''),
            '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
          )
          THEN parseDateTime64BestEffort(
            replaceRegexpAll(
              nullIf(TRIM(CAST(loaded.updated_at AS Nullable(String))), ''),
              ' *Z?([+-][0-9:]+)$',
              '\\1'
            ),
            6,
            'UTC'
          )
        END AS sort_key_1,
        LENGTH(CAST(loaded.updated_at AS Nullable(String))) AS sort_key_2,
        CAST(loaded.updated_at AS Nullable(String)) AS sort_key_3
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
        ORDER BY CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, CASE WHEN loaded_versions.sort_key_2 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_2 DESC, CASE WHEN loaded_versions.sort_key_3 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_3 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        CASE
          WHEN match(
            nullIf(TRIM(CAST(loaded.id AS Nullable(String))), ''),
            '^[+-]?[0-9]{1,19}([.]0*)?$'
          )
          THEN CAST(toInt64OrNull(
            ifNull(
              replaceRegexpAll(nullIf(TRIM(CAST(loaded.id AS Nullable(String))), ''), '[.]0*$', ''),
              ''
            )
          ) AS Nullable(Int64))
        END AS program_id,
        nullIf(TRIM(CAST(loaded.name AS Nullable(String))), '') AS name,
        nullIf(TRIM(CAST(loaded.workspace AS Nullable(String))), '') AS workspace,
        CASE
          WHEN match(
            nullIf(TRIM(CAST(loaded.updated_at AS Nullable(String))), ''),
            '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
          )
          THEN parseDateTime64BestEffort(
            replaceRegexpAll(
              nullIf(TRIM(CAST(loaded.updated_at AS Nullable(String))), ''),
              ' *Z?([+-][0-9:]+)$',
              '\\1'
            ),
            6,
            'UTC'
          )
        END AS sort_key_1,
        LENGTH(CAST(loaded.updated_at AS Nullable(String))) AS sort_key_2,
        CAST(loaded.updated_at AS Nullable(String)) AS sort_key_3
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
        ORDER BY CASE WHEN loaded_versions.preference IS NULL THEN 1 ELSE 0 END, loaded_versions.preference DESC, CASE WHEN loaded_versions.sort_key_1 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_1 DESC, CASE WHEN loaded_versions.sort_key_2 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_2 DESC, CASE WHEN loaded_versions.sort_key_3 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_3 DESC, CASE WHEN loaded_versions.sort_key_4 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_4 DESC, CASE WHEN loaded_versions.sort_key_5 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_5 DESC, CASE WHEN loaded_versions.sort_key_6 IS NULL THEN 1 ELSE 0 END, loaded_versions.sort_key_6 DESC, loaded_versions.name
      ) AS version_place
    FROM (
      SELECT
        CASE
          WHEN match(
            nullIf(TRIM(CAST(loaded.id AS Nullable(String))), ''),
            '^[+-]?[0-9]{1,19}([.]0*)?$'
          )
          THEN CAST(toInt64OrNull(
            ifNull(
              replaceRegexpAll(nullIf(TRIM(CAST(loaded.id AS Nullable(String))), ''), '[.]0*$', ''),
              ''
            )
          ) AS Nullable(Int64))
        END AS email_id,
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
        CASE
          WHEN match(
            nullIf(TRIM(CAST(loaded.updated_at AS Nullable(String))), ''),
            '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
          )
          THEN parseDateTime64BestEffort(
            replaceRegexpAll(
              nullIf(TRIM(CAST(loaded.updated_at AS Nullable(String))), ''),
              ' *Z?([+-][0-9:]+)$',
              '\\1'
            ),
            6,
            'UTC'
          )
        END AS sort_key_1,
        LENGTH(CAST(loaded.updated_at AS Nullable(String))) AS sort_key_2,
        CAST(loaded.updated_at AS Nullable(String)) AS sort_key_3,
        CASE
          WHEN match(
            nullIf(TRIM(CAST(loaded.version AS Nullable(String))), ''),
            '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
          )
          THEN parseDateTime64BestEffort(
            replaceRegexpAll(
              nullIf(TRIM(CAST(loaded.version AS Nullable(String))), ''),
              ' *Z?([+-][0-9:]+)$',
              '\\1'
            ),
            6,
            'UTC'
          )
        END AS sort_key_4,
        LENGTH(CAST(loaded.version AS Nullable(String))) AS sort_key_5,
        CAST(loaded.version AS Nullable(String)) AS sort_key_6
      FROM marketo.email_template_history AS loaded
    ) AS loaded_versions
  ) AS versions
  WHERE
    versions.version_place = 1
), sent_email_names AS (
  /* What sends call their email, each name once */
  SELECT
    CAST(replaceRegexpAll(
      nullIf(TRIM(CAST(loaded.primary_attribute_value_id AS Nullable(String))), ''),
      '[.]0*$',
      ''
    ) AS Nullable(Int64)) AS email_id,
    nullIf(TRIM(CAST(loaded.primary_attribute_value AS Nullable(String))), '') AS name,
    max(
      parseDateTime64BestEffort(
        replaceRegexpAll(
          nullIf(TRIM(CAST(loaded.activity_date AS Nullable(String))), ''),
          ' *Z?([+-][0-9:]+)$',
          '\\1'
        ),
        6,
        'UTC'
      )
    ) AS named_at
  FROM marketo.activity_send_email AS loaded
  WHERE
    (
      NOT (
        coalesce(lower(nullIf(TRIM(CAST(loaded.action_result AS Nullable(String))), '')), '') IN ('skipped', 'failed')
      )
    )
    AND NOT (
      CAST(replaceRegexpAll(
        nullIf(TRIM(CAST(loaded.primary_attribute_value_id AS Nullable(String))), ''),
        '[.]0*$',
        ''
      ) AS Nullable(Int64)) IS NULL
    )
    AND NOT (
      nullIf(TRIM(CAST(loaded.primary_attribute_value AS Nullable(String))), '') IS NULL
    )
  GROUP BY
    CAST(replaceRegexpAll(
      nullIf(TRIM(CAST(loaded.primary_attribute_value_id AS Nullable(String))), ''),
      '[.]0*$',
      ''
    ) AS Nullable(Int64)),
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
)
/* The clicks with names. A name that is missing shows the id */
SELECT
  CAST(NULL AS Nullable(String)) AS source_name,
  coalesce(newest_campaigns.workspace, newest_programs.workspace, newest_emails.workspace) AS workspace,
  newest_campaigns.program_id AS program_id,
  coalesce(
    coalesce(newest_programs.name, newest_campaigns.program_name),
    CAST(newest_campaigns.program_id AS Nullable(String))
  ) AS program_name,
  nullIf(link_clicks.campaign_id, 0) AS campaign_id,
  CASE
    WHEN link_clicks.campaign_id = 0
    THEN 'Unknown campaign'
    ELSE coalesce(newest_campaigns.name, CAST(link_clicks.campaign_id AS Nullable(String)))
  END AS campaign_name,
  newest_campaigns.active AS campaign_active,
  link_clicks.email_id AS email_id,
  coalesce(newest_emails.name, CAST(link_clicks.email_id AS Nullable(String))) AS email_name,
  newest_emails.subject AS email_subject,
  newest_emails.operational AS operational,
  CASE
    WHEN POSITION(coalesce(newest_emails.name, CAST(link_clicks.email_id AS Nullable(String))), '<') > 0
    THEN '<span>' || replace(
      replace(
        replace(
          coalesce(newest_emails.name, CAST(link_clicks.email_id AS Nullable(String))),
          '&',
          '&amp;'
        ),
        '<',
        '&lt;'
      ),
      '>',
      '&gt;'
    ) || '</span>'
    ELSE coalesce(newest_emails.name, CAST(link_clicks.email_id AS Nullable(String)))
  END AS email_label,
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
          link_clicks.campaign_id = 0
        )
        THEN 'Unknown campaign'
        ELSE coalesce(newest_campaigns.name, CAST(link_clicks.campaign_id AS Nullable(String)))
      END,
      '<'
    ) > 0
    THEN '<span>' || replace(
      replace(
        replace(
          CASE
            WHEN link_clicks.campaign_id = 0
            THEN 'Unknown campaign'
            ELSE coalesce(newest_campaigns.name, CAST(link_clicks.campaign_id AS Nullable(String)))
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
      ELSE coalesce(newest_campaigns.name, CAST(link_clicks.campaign_id AS Nullable(String)))
    END
  END AS campaign_label,
  link_clicks.sent_date AS sent_date,
  link_clicks.link AS link,
  link_clicks.click_count AS click_count,
  link_clicks.people_count AS people_count,
  link_clicks.clickers_count AS clickers_count
FROM link_clicks
LEFT OUTER JOIN newest_campaigns
  ON link_clicks.campaign_id = newest_campaigns.campaign_id
LEFT OUTER JOIN newest_programs
  ON newest_campaigns.program_id = newest_programs.program_id
LEFT OUTER JOIN newest_emails
  ON link_clicks.email_id = newest_emails.email_id
