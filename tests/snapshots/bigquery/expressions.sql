SELECT
  datetime_trunc(sent_at, DAY) AS day,
  datetime_trunc(sent_at, WEEK(MONDAY)) AS week,
  datetime_trunc(sent_at, MONTH) AS month,
  datetime(timestamp(sent_at, 'UTC'), 'Europe/Berlin') AS in_berlin,
  JSON_VALUE(parts, '$.value') AS value,
  JSON_VALUE(parts, '$."Campaign Run ID"') AS run,
  REGEXP_EXTRACT(parts, '[^,]+', 1, 2) AS second_part,
  REGEXP_CONTAINS(parts, '[0-9]+') AS has_digits,
  CAST('2024-03-01 00:00:00.000' AS DATETIME) AS fixed,
  REPLACE(REPLACE('O\'Brien\\ 100 ~ :^off', '~', CHR(  37)), '^', '') AS escaped
