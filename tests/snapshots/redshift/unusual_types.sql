SELECT
  CASE
    WHEN REGEXP_REPLACE(
      CASE
        WHEN (
          JSON_TYPEOF(ids) = 'string'
        )
        THEN CAST(ids AS VARCHAR(65535))
        ELSE JSON_SERIALIZE(ids)
      END,
      'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]',
      ' '
    ) ~ '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    THEN REGEXP_REPLACE(
      REGEXP_REPLACE(
        CASE
          WHEN JSON_TYPEOF(ids) = 'string'
          THEN CAST(ids AS VARCHAR(65535))
          ELSE JSON_SERIALIZE(ids)
        END,
        'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]',
        ' '
      ),
      '[.]0+| +',
      ''
    )
  END AS ids_of_array,
  CASE
    WHEN REGEXP_REPLACE(
      CASE
        WHEN (
          JSON_TYPEOF(document) = 'string'
        )
        THEN CAST(document AS VARCHAR(65535))
        ELSE JSON_SERIALIZE(document)
      END,
      'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]',
      ' '
    ) ~ '^ *[0-9]{1,18}([.]0+)?( *, *[0-9]{1,18}([.]0+)?)* *$'
    THEN REGEXP_REPLACE(
      REGEXP_REPLACE(
        CASE
          WHEN JSON_TYPEOF(document) = 'string'
          THEN CAST(document AS VARCHAR(65535))
          ELSE JSON_SERIALIZE(document)
        END,
        'value["\']? *[:=]|null|\\[|\\]|[(){}"\'\t\n]',
        ' '
      ),
      '[.]0+| +',
      ''
    )
  END AS ids_of_document,
  CASE
    WHEN NULLIF(
      TRIM(
        CASE
          WHEN (
            JSON_TYPEOF(document) = 'string'
          )
          THEN CAST(document AS VARCHAR(65535))
          ELSE JSON_SERIALIZE(document)
        END
      ),
      ''
    ) ~ '^[+-]?[0-9]{1,19}([.]0*)?$'
    THEN CASE
      WHEN CAST(NULLIF(
        TRIM(
          CASE
            WHEN (
              JSON_TYPEOF(document) = 'string'
            )
            THEN CAST(document AS VARCHAR(65535))
            ELSE JSON_SERIALIZE(document)
          END
        ),
        ''
      ) AS DECIMAL(38, 0)) BETWEEN -9223372036854775807 AND 9223372036854775807
      THEN CAST(CAST(NULLIF(
        TRIM(
          CASE
            WHEN JSON_TYPEOF(document) = 'string'
            THEN CAST(document AS VARCHAR(65535))
            ELSE JSON_SERIALIZE(document)
          END
        ),
        ''
      ) AS DECIMAL(38, 0)) AS BIGINT)
    END
  END AS id_of_document,
  CASE
    WHEN NULLIF(TRIM(spelled), '') ~ '^[+-]?[0-9]{1,19}([.]0*)?$'
    THEN CASE
      WHEN CAST(NULLIF(TRIM(spelled), '') AS DECIMAL(38, 0)) BETWEEN -9223372036854775807 AND 9223372036854775807
      THEN CAST(CAST(NULLIF(TRIM(spelled), '') AS DECIMAL(38, 0)) AS BIGINT)
    END
  END AS id_of_text,
  CASE
    WHEN decimals BETWEEN -9223372036854774784 AND 9223372036854774784
    AND FLOOR(decimals) = decimals
    THEN CAST(decimals AS BIGINT)
  END AS id_of_decimals,
  CASE
    WHEN NULLIF(TRIM(spelled), '') ~ '^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?( *(Z|UTC|Z?[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?))?)?$'
    THEN CASE
      WHEN NULLIF(TRIM(spelled), '') ~ '[0-9][0-9]:[0-9][0-9].*(Z|UTC|[+-][0-9][0-9](:?[0-9][0-9])?)$'
      THEN CAST(REPLACE(NULLIF(TRIM(spelled), ''), 'Z+', '+') AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE 'UTC'
      ELSE CAST(NULLIF(TRIM(spelled), '') AS TIMESTAMP)
    END
  END AS time_of_text,
  CAST(sent_on AS TIMESTAMP) AS time_of_day,
  CASE
    WHEN decimals = 0
    THEN '0'
    WHEN decimals = 1
    THEN '1'
    ELSE LOWER(TRIM(CAST(decimals AS VARCHAR(65535))))
  END AS flag_of_decimals,
  LOWER(
    TRIM(
      CASE
        WHEN JSON_TYPEOF(document) = 'string'
        THEN CAST(document AS VARCHAR(65535))
        ELSE JSON_SERIALIZE(document)
      END
    )
  ) AS flag_of_document,
  FROM_VARBYTE(encoded, 'utf8') AS text_of_bytes
FROM loaded
