WITH merge_lists AS (
  /* Who went into whom, as the log has it */
  SELECT
    CAST(loaded.lead_id AS Nullable(Int64)) AS surviving_id,
    CASE
      WHEN match(
        replaceRegexpAll(
          CAST(loaded.merge_ids AS Nullable(String)),
          'value["'']? *[:=]|null|\\[|\\]|[(){}"''\t\n]',
          ' '
        ),
        '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
      )
      THEN replaceRegexpAll(
        replaceRegexpAll(
          CAST(loaded.merge_ids AS Nullable(String)),
          'value["'']? *[:=]|null|\\[|\\]|[(){}"''\t\n]',
          ' '
        ),
        '[.]0+| +',
        ''
      )
    END AS merged_ids,
    CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS merged_at
  FROM marketo.activity_merge_leads AS loaded
), digits AS (
  /* To count the people of one merge */
  SELECT
    0 AS digit
  UNION ALL
  SELECT
    1 AS digit
  UNION ALL
  SELECT
    2 AS digit
  UNION ALL
  SELECT
    3 AS digit
  UNION ALL
  SELECT
    4 AS digit
), merges_of_people AS (
  /* A merge lists up to 25 people who went into another */
  SELECT
    CAST(parts.person_id AS Nullable(Int64)) AS person_id,
    parts.surviving_id,
    parts.merged_at
  FROM (
    SELECT
      nullIf(
        TRIM(
          arrayElement(
            splitByString(',', ifNull(merge_lists.merged_ids, '')),
            fives.digit * 5 + ones.digit + 1
          )
        ),
        ''
      ) AS person_id,
      merge_lists.surviving_id AS surviving_id,
      merge_lists.merged_at AS merged_at
    FROM merge_lists
    JOIN digits AS fives
      ON 1 = 1
    JOIN digits AS ones
      ON 1 = 1
  ) AS parts
  WHERE
    NOT (
      parts.person_id IS NULL
    )
), merged_people AS (
  /* The newest merge of each person */
  SELECT
    ranked.person_id,
    ranked.surviving_id
  FROM (
    SELECT
      merges_of_people.person_id,
      merges_of_people.surviving_id,
      row_number() OVER (
        PARTITION BY merges_of_people.person_id
        ORDER BY merges_of_people.merged_at DESC, merges_of_people.surviving_id DESC
      ) AS merge_place
    FROM merges_of_people
  ) AS ranked
  WHERE
    ranked.merge_place = 1
), people_after_2_merges AS (
  /* Who was merged into somebody who was merged in turn: 2 merges in a row */
  SELECT
    merged_people.person_id AS person_id,
    coalesce(merged_on_1.surviving_id, merged_people.surviving_id) AS surviving_id
  FROM merged_people
  LEFT OUTER JOIN merged_people AS merged_on_1
    ON merged_people.surviving_id = merged_on_1.person_id
), people_after_4_merges AS (
  /* Who was merged into somebody who was merged in turn: 4 merges in a row */
  SELECT
    people_after_2_merges.person_id AS person_id,
    coalesce(merged_on_2.surviving_id, people_after_2_merges.surviving_id) AS surviving_id
  FROM people_after_2_merges
  LEFT OUTER JOIN people_after_2_merges AS merged_on_2
    ON people_after_2_merges.surviving_id = merged_on_2.person_id
), surviving_people AS (
  /* Who was merged into somebody who was merged in turn: 8 merges in a row */
  SELECT
    people_after_4_merges.person_id AS person_id,
    coalesce(merged_on_3.surviving_id, people_after_4_merges.surviving_id) AS surviving_id
  FROM people_after_4_merges
  LEFT OUTER JOIN people_after_4_merges AS merged_on_3
    ON people_after_4_merges.surviving_id = merged_on_3.person_id
), link_events AS (
  /* Clicks on links of the emails */
  SELECT
    CAST(loaded.campaign_id AS Nullable(Int64)) AS campaign_id,
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) AS email_id,
    coalesce(surviving_people.surviving_id, CAST(loaded.lead_id AS Nullable(Int64))) AS person_id,
    CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS activity_at,
    nullIf(TRIM(CAST(loaded.id AS Nullable(String))), '') AS activity_id,
    nullIf(TRIM(CAST(loaded.link AS Nullable(String))), '') AS link
  FROM marketo.activity_click_email AS loaded
  LEFT OUTER JOIN surviving_people
    ON surviving_people.person_id = CAST(loaded.lead_id AS Nullable(Int64))
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
    coalesce(CAST(loaded.campaign_id AS Nullable(Int64)), 0) AS campaign_id,
    CAST(loaded.primary_attribute_value_id AS Nullable(Int64)) AS email_id,
    coalesce(surviving_people.surviving_id, CAST(loaded.lead_id AS Nullable(Int64))) AS person_id,
    CAST(toDateTime64(loaded.activity_date, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS activity_at
  FROM marketo.activity_send_email AS loaded
  LEFT OUTER JOIN surviving_people
    ON surviving_people.person_id = CAST(loaded.lead_id AS Nullable(Int64))
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
      coalesce(surviving_people.surviving_id, CAST(loaded.lead_id AS Nullable(Int64))) IS NULL
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
