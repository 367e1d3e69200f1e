SELECT
  DATE_TRUNC('DAY', sent_at) AS day,
  DATE_TRUNC('WEEK', sent_at) AS week,
  DATE_TRUNC('MONTH', sent_at) AS month,
  CAST(AT_TIMEZONE(WITH_TIMEZONE(sent_at, 'UTC'), 'Europe/Berlin') AS TIMESTAMP(6)) AS in_berlin,
  JSON_EXTRACT_SCALAR(parts, '$.value') AS value,
  JSON_EXTRACT_SCALAR(parts, '$["Campaign Run ID"]') AS run,
  SPLIT_PART(parts, ',', 2) AS second_part,
  REGEXP_LIKE(parts, '[0-9]+') AS has_digits,
  CAST('2024-03-01 00:00:00.000' AS TIMESTAMP) AS fixed,
  REPLACE(REPLACE('O''Brien\ 100 ~ :^off', '~', CHR(  37)), '^', '') AS escaped
