SELECT
  TO_TIMESTAMP_NTZ(TO_DATE(sent_at)) AS day,
  TO_TIMESTAMP_NTZ(TRUNC(sent_at, 'WEEK')) AS week,
  TO_TIMESTAMP_NTZ(TRUNC(sent_at, 'MONTH')) AS month,
  TO_TIMESTAMP_NTZ(FROM_UTC_TIMESTAMP(CAST(sent_at AS TIMESTAMP), 'Europe/Berlin')) AS in_berlin,
  TRY_ELEMENT_AT(FROM_JSON(parts, 'MAP<STRING, STRING>'), 'value') AS value,
  TRY_ELEMENT_AT(FROM_JSON(parts, 'MAP<STRING, STRING>'), 'Campaign Run ID') AS run,
  SPLIT_PART(parts, ',', 2) AS second_part,
  REGEXP_LIKE(parts, '[0-9]+') AS has_digits,
  TO_TIMESTAMP_NTZ('2024-03-01 00:00:00.000') AS fixed,
  REPLACE(REPLACE('O\'Brien\\ 100 ~ :^off', '~', CHR(  37)), '^', '') AS escaped
