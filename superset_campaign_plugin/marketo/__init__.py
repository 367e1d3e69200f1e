"""Marketo's REST API. Knows no Superset.

credentials   where Marketo is and who asks
client        how it is asked: token, limits, pages, ranges of files, errors
emails        the emails for the preview
activities    the activities: `windows` are asked for by `jobs`, remembered in the `journal`, fetched by `download`;
              `deletions` and the names of `assets` come page by page
"""
