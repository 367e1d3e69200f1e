"""A Superset as anybody has it, without the plugin."""

import os

import pymysql

# Superset asks MySQL's other driver what the types of columns are.
pymysql.install_as_MySQLdb()

SECRET_KEY = os.environ["CAMPAIGN_TEST_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{os.environ['CAMPAIGN_TEST_FOLDER']}/superset.db"
AUTH_RATE_LIMITED = False
