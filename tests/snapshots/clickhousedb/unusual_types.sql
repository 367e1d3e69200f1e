SELECT
  CASE
    WHEN match(
      replaceRegexpAll(
        CAST(toString(ids) AS Nullable(String)),
        'value["'']? *[:=]|null|\\[|\\]|[(){}"''\t\n]',
        ' '
      ),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    )
    THEN replaceRegexpAll(
      replaceRegexpAll(
        CAST(toString(ids) AS Nullable(String)),
        'value["'']? *[:=]|null|\\[|\\]|[(){}"''\t\n]',
        ' '
      ),
      '[.]0+| +',
      ''
    )
  END AS ids_of_array,
  CASE
    WHEN match(
      replaceRegexpAll(
        CAST(toString(document) AS Nullable(String)),
        'value["'']? *[:=]|null|\\[|\\]|[(){}"''\t\n]',
        ' '
      ),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    )
    THEN replaceRegexpAll(
      replaceRegexpAll(
        CAST(toString(document) AS Nullable(String)),
        'value["'']? *[:=]|null|\\[|\\]|[(){}"''\t\n]',
        ' '
      ),
      '[.]0+| +',
      ''
    )
  END AS ids_of_document,
  CASE
    WHEN match(
      nullIf(TRIM(CAST(toString(document) AS Nullable(String))), ''),
      '^[+-]?[0-9]{1,19}([.]0*)?$'
    )
    THEN CAST(toInt64OrNull(
      ifNull(
        replaceRegexpAll(nullIf(TRIM(CAST(toString(document) AS Nullable(String))), ''), '[.]0*$', ''),
        ''
      )
    ) AS Nullable(Int64))
  END AS id_of_document,
  CASE
    WHEN match(nullIf(TRIM(CAST(spelled AS Nullable(String))), ''), '^[+-]?[0-9]{1,19}([.]0*)?$')
    THEN CAST(toInt64OrNull(
      ifNull(
        replaceRegexpAll(nullIf(TRIM(CAST(spelled AS Nullable(String))), ''), '[.]0*$', ''),
        ''
      )
    ) AS Nullable(Int64))
  END AS id_of_text,
  CASE
    WHEN decimals BETWEEN -9223372036854774784 AND 9223372036854774784
    AND FLOOR(decimals) = decimals
    THEN CAST(decimals AS Nullable(Int64))
  END AS id_of_decimals,
  CASE
    WHEN match(
      nullIf(TRIM(CAST(spelled AS Nullable(String))), ''),
      '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
    )
    THEN parseDateTime64BestEffort(
      replaceRegexpAll(nullIf(TRIM(CAST(spelled AS Nullable(String))), ''), ' *Z?([+-][0-9:]+)$', '\\1'),
      6,
      'UTC'
    )
  END AS time_of_text,
  CAST(toDateTime64(sent_on, 6, 'UTC') AS Nullable(DateTime64(6, 'UTC'))) AS time_of_day,
  CASE
    WHEN decimals = 0
    THEN '0'
    WHEN decimals = 1
    THEN '1'
    ELSE lower(TRIM(CAST(decimals AS Nullable(String))))
  END AS flag_of_decimals,
  lower(TRIM(CAST(toString(document) AS Nullable(String)))) AS flag_of_document,
  CAST(encoded AS Nullable(String)) AS text_of_bytes
FROM loaded
