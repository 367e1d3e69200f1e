SELECT
  CASE
    WHEN REGEXP_INSTR(
      REGEXP_REPLACE(CAST(ids AS VARCHAR), 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    ) > 0
    THEN REGEXP_REPLACE(
      REGEXP_REPLACE(CAST(ids AS VARCHAR), 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '[.]0+| +',
      ''
    )
  END AS ids_of_array,
  CASE
    WHEN REGEXP_INSTR(
      REGEXP_REPLACE(CAST(document AS VARCHAR), 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    ) > 0
    THEN REGEXP_REPLACE(
      REGEXP_REPLACE(CAST(document AS VARCHAR), 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '[.]0+| +',
      ''
    )
  END AS ids_of_document,
  CASE
    WHEN REGEXP_INSTR(NULLIF(TRIM(CAST(document AS VARCHAR)), ''), '^[+-]?[0-9]{1,19}([.]0*)?$') > 0
    THEN TRY_CAST(REGEXP_REPLACE(NULLIF(TRIM(CAST(document AS VARCHAR)), ''), '[.]0*$', '') AS BIGINT)
  END AS id_of_document,
  CASE
    WHEN REGEXP_INSTR(NULLIF(TRIM(spelled), ''), '^[+-]?[0-9]{1,19}([.]0*)?$') > 0
    THEN TRY_CAST(REGEXP_REPLACE(NULLIF(TRIM(spelled), ''), '[.]0*$', '') AS BIGINT)
  END AS id_of_text,
  CASE
    WHEN decimals BETWEEN -9223372036854774784 AND 9223372036854774784
    AND FLOOR(decimals) = decimals
    THEN CAST(decimals AS BIGINT)
  END AS id_of_decimals,
  CASE
    WHEN REGEXP_INSTR(
      NULLIF(TRIM(spelled), ''),
      '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
    ) > 0
    THEN CASE
      WHEN REGEXP_INSTR(
        NULLIF(TRIM(spelled), ''),
        '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
      ) > 0
      THEN CAST(CONVERT_TIMEZONE(
        'UTC',
        TO_TIMESTAMP_TZ(
          REGEXP_REPLACE(
            REGEXP_REPLACE(NULLIF(TRIM(spelled), ''), ' *UTC$', 'Z'),
            ' *Z?([+-][0-9:]+)$',
            '\\1'
          )
        )
      ) AS TIMESTAMPNTZ)
      ELSE CAST(NULLIF(TRIM(spelled), '') AS TIMESTAMPNTZ)
    END
  END AS time_of_text,
  CAST(sent_on AS TIMESTAMPNTZ) AS time_of_day,
  CASE
    WHEN decimals = 0
    THEN '0'
    WHEN decimals = 1
    THEN '1'
    ELSE LOWER(TRIM(CAST(decimals AS VARCHAR)))
  END AS flag_of_decimals,
  LOWER(TRIM(CAST(document AS VARCHAR))) AS flag_of_document,
  TRY_HEX_DECODE_STRING(HEX_ENCODE(encoded)) AS text_of_bytes
FROM loaded
