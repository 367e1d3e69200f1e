-- The activity tables in Fivetran's layout, out of the relations that warehouse.py registers:
--   log     one row an activity, numbers only      agent   user agents
--   cell    campaign and e-mail of an activity     bounce  answers of receiving servers
--   link    addresses that were clicked            person  everybody, the deleted ones too

CREATE TEMP VIEW event AS
SELECT
    log.*,
    cell.*,
    make_timestamp(log.moment * 1000000) AS activity_date,
    least(
        make_timestamp((log.moment + 240 + log.id % 3300 + CASE WHEN log.replayed THEN 21600 ELSE 0 END) * 1000000),
        (SELECT moment FROM clock)
    ) AS _fivetran_synced,
    CASE WHEN log.has_campaign THEN cell.cell_campaign_id END AS campaign_id,
    CASE WHEN log.bot >= 0 THEN log.bot = 1 END AS is_bot_activity,
    agent.user_agent,
    agent.platform,
    agent.device,
    agent.is_mobile
FROM log
JOIN cell ON cell.number = log.cell
LEFT JOIN agent ON agent.number = log.agent;

CREATE TABLE marketo.activity_send_email AS
SELECT
    activity_date, kind AS activity_type_id, campaign_id, run AS campaign_run_id, 0::BIGINT AS choice_number,
    email_id AS email_template_id, id, lead AS lead_id, email_id AS primary_attribute_value_id,
    asset_name AS primary_attribute_value, step_id,
    CASE detail WHEN 0 THEN 'succeeded' WHEN 1 THEN 'skipped' WHEN 2 THEN 'failed' END AS action_result,
    variant AS test_variant,
    _fivetran_synced
FROM event WHERE kind = 6 ORDER BY id, _fivetran_synced;

CREATE TABLE marketo.activity_email_delivered AS
SELECT
    activity_date, kind AS activity_type_id, campaign_id, run AS campaign_run_id, 0::BIGINT AS choice_number,
    email_id AS email_template_id, id, lead AS lead_id, asset_name AS primary_attribute_value,
    email_id AS primary_attribute_value_id, step_id, _fivetran_synced
FROM event WHERE kind = 7 ORDER BY id, _fivetran_synced;

CREATE TEMP VIEW bounced AS
SELECT
    activity_date, kind AS activity_type_id, campaign_id, run AS campaign_run_id, bounce.category::VARCHAR AS category,
    0::BIGINT AS choice_number, bounce.details, person.email, email_id AS email_template_id, event.id,
    lead AS lead_id, asset_name AS primary_attribute_value, email_id AS primary_attribute_value_id, step_id,
    bounce.subcategory::VARCHAR AS subcategory, _fivetran_synced
FROM event
JOIN bounce ON bounce.number = event.detail
LEFT JOIN person ON person.id = event.lead
WHERE kind IN (8, 27);

CREATE TABLE marketo.activity_email_bounced AS
SELECT * FROM bounced WHERE activity_type_id = 8 ORDER BY id, _fivetran_synced;

CREATE TABLE marketo.activity_email_bounced_soft AS
SELECT * FROM bounced WHERE activity_type_id = 27 ORDER BY id, _fivetran_synced;

CREATE TABLE marketo.activity_open_email AS
SELECT
    activity_date, kind AS activity_type_id, campaign_id, run AS campaign_run_id, 0::BIGINT AS choice_number, device,
    email_id AS email_template_id, id, is_mobile AS is_mobile_device, lead AS lead_id, platform,
    asset_name AS primary_attribute_value, email_id AS primary_attribute_value_id, step_id, user_agent,
    is_bot_activity, _fivetran_synced
FROM event WHERE kind = 10 ORDER BY id, _fivetran_synced;

CREATE TABLE marketo.activity_click_email AS
SELECT
    activity_date, kind AS activity_type_id, campaign_id, run AS campaign_run_id, 0::BIGINT AS choice_number, device,
    email_id AS email_template_id, id, is_mobile AS is_mobile_device, lead AS lead_id, link.url AS link, platform,
    asset_name AS primary_attribute_value, email_id AS primary_attribute_value_id, step_id, user_agent,
    is_bot_activity, _fivetran_synced
FROM event LEFT JOIN link ON link.number = event.detail
WHERE kind = 11 ORDER BY id, _fivetran_synced;

-- Who unsubscribes in the mail program (detail 0) never sees the page, so nothing of it is known.
CREATE TABLE marketo.activity_unsubscribe_email AS
SELECT
    activity_date, kind AS activity_type_id, campaign_id, run AS campaign_run_id,
    CASE detail WHEN 1 THEN '192.0.2.' || (1 + id % 250) END AS client_ip_address,
    email_id AS email_template_id, CASE detail WHEN 1 THEN 'Unsubscribed=1' END AS form_fields, id, lead AS lead_id,
    asset_name AS primary_attribute_value, email_id AS primary_attribute_value_id,
    CASE detail WHEN 1 THEN 'mkt_unsubscribe=1' END AS query_parameters,
    CASE detail WHEN 1 THEN $unsubscribe END AS referrer_url, user_agent,
    CASE detail WHEN 1 THEN 1::BIGINT END AS webform_id, CASE detail WHEN 1 THEN 1::BIGINT END AS webpage_id,
    _fivetran_synced
FROM event WHERE kind = 9 ORDER BY id, _fivetran_synced;

CREATE TABLE marketo.activity_merge_leads AS
SELECT
    merged.id, least(activity_date + INTERVAL 37 MINUTE, (SELECT moment FROM clock)) AS _fivetran_synced, activity_date,
    32::BIGINT AS activity_type_id, NULL::BIGINT AS campaign_id, lead AS lead_id, merged.id % 3 > 0 AS master_updated,
    '[' || loser || ']' AS merge_ids, 'leaddb' AS merge_source, FALSE AS merged_in_sales,
    person.first_name || ' ' || person.last_name AS primary_attribute_value, lead AS primary_attribute_value_id
FROM (SELECT *, make_timestamp(moment * 1000000) AS activity_date FROM merged) AS merged
JOIN person ON person.id = merged.lead
ORDER BY merged.id;

CREATE TABLE marketo.activity_delete_lead AS
SELECT
    deleted.id, least(activity_date + INTERVAL 37 MINUTE, (SELECT moment FROM clock)) AS _fivetran_synced,
    activity_date, 37::BIGINT AS activity_type_id, 'Clean up: no consent' AS campaign, NULL::BIGINT AS campaign_id,
    lead AS lead_id, person.first_name || ' ' || person.last_name AS primary_attribute_value,
    lead AS primary_attribute_value_id
FROM (SELECT *, make_timestamp(moment * 1000000) AS activity_date FROM deleted) AS deleted
JOIN person ON person.id = deleted.lead
ORDER BY deleted.id;

CREATE TABLE marketo.lead AS
SELECT
    id, created_at, least(created_at + to_days((id % 60)::INTEGER), (SELECT moment FROM clock)) AS updated_at, email,
    first_name, last_name,
    -- Not everybody names a company, and a mailbox for everybody tells none.
    CASE WHEN id % 5 > 0 AND NOT regexp_matches(email, '@(mailbox|post-online|webmail|fastinbox)\.') THEN array_to_string(
        list_transform(
            string_split(regexp_extract(email, '@(.*)\.example', 1), '-'), lambda part: upper(part[1]) || part[2:]
        ), ' ')
    END AS company,
    CASE WHEN id % 7 > 0 THEN ['Germany', 'France', 'Spain', 'United Kingdom', 'United States', 'Canada'][id % 7] END
        AS country,
    (SELECT moment FROM clock) AS _fivetran_synced
FROM person
WHERE id NOT IN (SELECT loser FROM merged) AND id NOT IN (SELECT lead FROM deleted)
ORDER BY id;
