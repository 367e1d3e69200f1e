SELECT
  CASE
    WHEN REGEXP_LIKE(
      REGEXP_REPLACE(CAST(ids AS STRING), 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    )
    THEN REGEXP_REPLACE(
      REGEXP_REPLACE(CAST(ids AS STRING), 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '[.]0+| +',
      ''
    )
  END AS ids_of_array,
  CASE
    WHEN REGEXP_LIKE(
      REGEXP_REPLACE(CAST(document AS STRING), 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    )
    THEN REGEXP_REPLACE(
      REGEXP_REPLACE(CAST(document AS STRING), 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '[.]0+| +',
      ''
    )
  END AS ids_of_document,
  CASE
    WHEN REGEXP_LIKE(NULLIF(TRIM(CAST(document AS STRING)), ''), '^[+-]?[0-9]{1,19}([.]0*)?$')
    THEN TRY_CAST(REGEXP_REPLACE(NULLIF(TRIM(CAST(document AS STRING)), ''), '[.]0*$', '') AS BIGINT)
  END AS id_of_document,
  CASE
    WHEN REGEXP_LIKE(NULLIF(TRIM(spelled), ''), '^[+-]?[0-9]{1,19}([.]0*)?$')
    THEN TRY_CAST(REGEXP_REPLACE(NULLIF(TRIM(spelled), ''), '[.]0*$', '') AS BIGINT)
  END AS id_of_text,
  CASE
    WHEN decimals BETWEEN -9223372036854774784 AND 9223372036854774784
    AND FLOOR(decimals) = decimals
    THEN CAST(decimals AS BIGINT)
  END AS id_of_decimals,
  CASE
    WHEN REGEXP_LIKE(
      NULLIF(TRIM(spelled), ''),
      '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
    )
    THEN CASE
      WHEN REGEXP_LIKE(
        NULLIF(TRIM(spelled), ''),
        '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
      )
      THEN TO_TIMESTAMP_NTZ('1970-01-01') + MAKE_DT_INTERVAL(
        0,
        0,
        0,
        CAST(CAST(REGEXP_REPLACE(
          REGEXP_REPLACE(
            REGEXP_REPLACE(NULLIF(TRIM(spelled), ''), ' *(UTC|Z)?([+-][0-9]{2})(:?([0-9]{2}))?$', '$2:0$4'),
            REPLACE(':~0([0-9]{2})$', '~', ''),
            REPLACE(':~$1', '~', '')
          ),
          '([T ][0-9]{2}:[0-9]{2})( *[ZU+-])',
          '$1:00$2'
        ) AS TIMESTAMP) AS DECIMAL(20, 6))
      )
      ELSE TO_TIMESTAMP_NTZ(NULLIF(TRIM(spelled), ''))
    END
  END AS time_of_text,
  TO_TIMESTAMP_NTZ(sent_on) AS time_of_day,
  CASE
    WHEN decimals = 0
    THEN '0'
    WHEN decimals = 1
    THEN '1'
    ELSE LOWER(TRIM(CAST(decimals AS STRING)))
  END AS flag_of_decimals,
  LOWER(TRIM(CAST(document AS STRING))) AS flag_of_document,
  CAST(encoded AS STRING) AS text_of_bytes
FROM loaded
