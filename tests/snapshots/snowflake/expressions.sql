SELECT
  DATE_TRUNC('DAY', sent_at) AS day,
  DATEADD(DAY, 1 - DAYOFWEEKISO(sent_at), DATE_TRUNC('DAY', sent_at)) AS week,
  DATE_TRUNC('MONTH', sent_at) AS month,
  CONVERT_TIMEZONE('UTC', 'Europe/Berlin', sent_at) AS in_berlin,
  JSON_EXTRACT_PATH_TEXT(parts, 'value') AS value,
  JSON_EXTRACT_PATH_TEXT(parts, '["Campaign Run ID"]') AS run,
  SPLIT_PART(parts, ',', 2) AS second_part,
  REGEXP_INSTR(parts, '[0-9]+') > 0 AS has_digits,
  CAST('2024-03-01 00:00:00.000' AS TIMESTAMPNTZ) AS fixed,
  REPLACE(REPLACE('O\'Brien\\ 100 ~ :^off', '~', CHR(  37)), '^', '') AS escaped
