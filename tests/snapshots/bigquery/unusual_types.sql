SELECT
  CASE
    WHEN REGEXP_CONTAINS(
      REGEXP_REPLACE(TO_JSON_STRING(ids), 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    )
    THEN REGEXP_REPLACE(
      REGEXP_REPLACE(TO_JSON_STRING(ids), 'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]', ' '),
      '[.]0+| +',
      ''
    )
  END AS ids_of_array,
  CASE
    WHEN REGEXP_CONTAINS(
      REGEXP_REPLACE(
        coalesce(JSON_VALUE(document, '$'), TO_JSON_STRING(document)),
        'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]',
        ' '
      ),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    )
    THEN REGEXP_REPLACE(
      REGEXP_REPLACE(
        coalesce(JSON_VALUE(document, '$'), TO_JSON_STRING(document)),
        'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]',
        ' '
      ),
      '[.]0+| +',
      ''
    )
  END AS ids_of_document,
  CASE
    WHEN REGEXP_CONTAINS(
      nullif(TRIM(coalesce(JSON_VALUE(document, '$'), TO_JSON_STRING(document))), ''),
      '^[+-]?[0-9]{1,19}([.]0*)?$'
    )
    THEN SAFE_CAST(REGEXP_REPLACE(
      nullif(TRIM(coalesce(JSON_VALUE(document, '$'), TO_JSON_STRING(document))), ''),
      '[.]0*$',
      ''
    ) AS INT64)
  END AS id_of_document,
  CASE
    WHEN REGEXP_CONTAINS(nullif(TRIM(spelled), ''), '^[+-]?[0-9]{1,19}([.]0*)?$')
    THEN SAFE_CAST(REGEXP_REPLACE(nullif(TRIM(spelled), ''), '[.]0*$', '') AS INT64)
  END AS id_of_text,
  CASE
    WHEN decimals BETWEEN -9223372036854774784 AND 9223372036854774784
    AND FLOOR(decimals) = decimals
    THEN CAST(decimals AS INT64)
  END AS id_of_decimals,
  CASE
    WHEN REGEXP_CONTAINS(
      nullif(TRIM(spelled), ''),
      '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
    )
    THEN datetime(
      CAST(REGEXP_REPLACE(
        REGEXP_REPLACE(
          REGEXP_REPLACE(nullif(TRIM(spelled), ''), ' *UTC$', 'Z'),
          ' *Z?([+-][0-9:]+)$',
          '\\1'
        ),
        '(:[0-9.]+[+-][0-9]{2})([0-9]{2})$',
        '\\1:\\2'
      ) AS TIMESTAMP),
      'UTC'
    )
  END AS time_of_text,
  CAST(sent_on AS DATETIME) AS time_of_day,
  CASE
    WHEN decimals = 0
    THEN '0'
    WHEN decimals = 1
    THEN '1'
    ELSE lower(TRIM(CAST(decimals AS STRING)))
  END AS flag_of_decimals,
  lower(TRIM(coalesce(JSON_VALUE(document, '$'), TO_JSON_STRING(document)))) AS flag_of_document,
  safe_convert_bytes_to_string(encoded) AS text_of_bytes
FROM loaded
