"""Made-up but believable data for the demo: a year of Marketo activities and the e-mails they are about."""
