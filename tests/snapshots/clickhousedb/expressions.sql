SELECT
  toDateTime64(dateTrunc('day', sent_at), 6, 'UTC') AS day,
  toDateTime64(dateTrunc('week', sent_at), 6, 'UTC') AS week,
  toDateTime64(dateTrunc('month', sent_at), 6, 'UTC') AS month,
  toDateTime64(toString(sent_at, 'Europe/Berlin'), 6, 'UTC') AS in_berlin,
  JSONExtract(ifNull(parts, ''), 'value', 'Nullable(String)') AS value,
  JSONExtract(ifNull(parts, ''), 'Campaign Run ID', 'Nullable(String)') AS run,
  arrayElement(splitByString(',', ifNull(parts, '')), 2) AS second_part,
  match(parts, '[0-9]+') AS has_digits,
  toDateTime64('2024-03-01 00:00:00.000', 6, 'UTC') AS fixed,
  REPLACE(REPLACE('O''Brien\\ 100 ~ :^off', '~', CHAR(37)), '^', '') AS escaped
