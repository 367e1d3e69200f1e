SELECT
  CASE
    WHEN REGEXP_LIKE(
      REGEXP_REPLACE(
        JSON_FORMAT(CAST(ids AS JSON)),
        'value["'']? *[:=]|null|\[|\]|[(){}"''	
]',
        ' '
      ),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    )
    THEN REGEXP_REPLACE(
      REGEXP_REPLACE(
        JSON_FORMAT(CAST(ids AS JSON)),
        'value["'']? *[:=]|null|\[|\]|[(){}"''	
]',
        ' '
      ),
      '[.]0+| +',
      ''
    )
  END AS ids_of_array,
  CASE
    WHEN REGEXP_LIKE(
      REGEXP_REPLACE(
        COALESCE(JSON_EXTRACT_SCALAR(document, '$'), JSON_FORMAT(document)),
        'value["'']? *[:=]|null|\[|\]|[(){}"''	
]',
        ' '
      ),
      '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    )
    THEN REGEXP_REPLACE(
      REGEXP_REPLACE(
        COALESCE(JSON_EXTRACT_SCALAR(document, '$'), JSON_FORMAT(document)),
        'value["'']? *[:=]|null|\[|\]|[(){}"''	
]',
        ' '
      ),
      '[.]0+| +',
      ''
    )
  END AS ids_of_document,
  CASE
    WHEN REGEXP_LIKE(
      NULLIF(TRIM(COALESCE(JSON_EXTRACT_SCALAR(document, '$'), JSON_FORMAT(document))), ''),
      '^[+-]?[0-9]{1,19}([.]0*)?$'
    )
    THEN TRY_CAST(REGEXP_REPLACE(
      NULLIF(TRIM(COALESCE(JSON_EXTRACT_SCALAR(document, '$'), JSON_FORMAT(document))), ''),
      '[.]0*$',
      ''
    ) AS BIGINT)
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
      THEN CAST(AT_TIMEZONE(
        FROM_ISO8601_TIMESTAMP_NANOS(
          REGEXP_REPLACE(
            REGEXP_REPLACE(
              REGEXP_REPLACE(REGEXP_REPLACE(NULLIF(TRIM(spelled), ''), ' *UTC$', 'Z'), ' *Z?([+-][0-9:]+)$', '$1'),
              ' +Z$',
              'Z'
            ),
            ' +',
            'T'
          )
        ),
        'UTC'
      ) AS TIMESTAMP(6))
      ELSE CAST(REGEXP_REPLACE(NULLIF(TRIM(spelled), ''), 'T| +', ' ') AS TIMESTAMP(6))
    END
  END AS time_of_text,
  CAST(sent_on AS TIMESTAMP(6)) AS time_of_day,
  CASE
    WHEN decimals = 0
    THEN '0'
    WHEN decimals = 1
    THEN '1'
    ELSE LOWER(TRIM(CAST(decimals AS VARCHAR)))
  END AS flag_of_decimals,
  LOWER(TRIM(COALESCE(JSON_EXTRACT_SCALAR(document, '$'), JSON_FORMAT(document)))) AS flag_of_document,
  FROM_UTF8(encoded) AS text_of_bytes
FROM loaded
