SELECT
  DATE_TRUNC('DAY', sent_at) AS day,
  DATE_TRUNC('WEEK', sent_at) AS week,
  DATE_TRUNC('MONTH', sent_at) AS month,
  (
    sent_at AT TIME ZONE 'UTC'
  ) AT TIME ZONE 'Europe/Berlin' AS in_berlin,
  JSON_EXTRACT_PATH_TEXT(parts, 'value') AS value,
  JSON_EXTRACT_PATH_TEXT(parts, 'Campaign Run ID') AS run,
  SPLIT_PART(parts, ',', 2) AS second_part,
  parts ~ '[0-9]+' AS has_digits,
  CAST('2024-03-01 00:00:00.000' AS TIMESTAMP) AS fixed,
  REPLACE(REPLACE('O\'Brien\\ 100 ~ :^off', '~', CHR(  37)), '^', '') AS escaped
