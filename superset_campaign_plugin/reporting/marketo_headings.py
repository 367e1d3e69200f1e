"""The headings of the reports that Marketo exports, in the languages of its screens: the one place that knows them.

Only letters and digits of a heading matter, in whatever case: `E-Mail-Name`, `email name` and `Email_Name` are one. A
heading with a percent sign, or with one of `PERCENT_WORDS`, is the share of the figure that the rest of it names.

Sources: the pages *Email Performance Report* and *Campaign Email Performance Report* of Marketo's documentation in each
language, which name these columns and statuses in several translations. Where a page names none, the usual word.
"""

from __future__ import annotations

import unicodedata

# What says which row it is.
CAMPAIGN, CAMPAIGN_ID, EMAIL, EMAIL_ID = "campaign", "campaign_id", "email", "email_id"
NAMES = (CAMPAIGN, CAMPAIGN_ID, EMAIL, EMAIL_ID)

# Of the figures that are compared, those that count people, in the order of Marketo's report.
COUNTS = (
    *("sent", "delivered", "hard_bounced", "soft_bounced", "pending", "aborted"),
    *("opened", "clicked_link", "unsubscribed"),
)
# The figures that have a column of their share in the report.
SHARES = {name: f"pct_{name}" for name in COUNTS if name not in ("sent", "pending", "aborted")}
CLICKED_TO_OPENED = "clicked_to_opened_ratio"

HEADINGS: dict[str, dict[str, tuple[str, ...]]] = {
    CAMPAIGN: {
        "en": ("Campaign Name", "Campaign", "Smart Campaign", "Smart Campaign Name"),
        "de": ("Kampagnenname", "Kampagne", "Name der Kampagne", "Smart-Kampagne"),
        "fr": ("Nom de la campagne", "Campagne", "Campagne intelligente"),
        "es": ("Nombre de la campaña", "Nombre de campaña", "Campaña", "Campaña inteligente"),
        "pt": ("Nome da campanha", "Campanha", "Campanha inteligente"),
        "ja": ("キャンペーン名", "キャンペーン", "スマートキャンペーン"),
    },
    CAMPAIGN_ID: {
        "en": ("Campaign ID",),
        "de": ("Kampagnen-ID",),
        "fr": ("ID de campagne",),
        "ja": ("キャンペーンID",),
    },
    EMAIL: {
        "en": ("Email Name", "Email", "Email Asset", "Email Asset Name", "Asset Name"),
        "de": ("E-Mail-Name", "E-Mail", "Name der E-Mail"),
        "fr": ("Nom de l'e-mail", "Nom du courrier électronique", "E-mail", "Courriel"),
        "es": ("Nombre del correo electrónico", "Nombre de correo electrónico", "Correo electrónico"),
        "pt": ("Nome do e-mail", "Nome de e-mail", "E-mail"),
        "ja": ("メール名", "メール", "電子メール名"),
    },
    EMAIL_ID: {"en": ("Email ID",), "de": ("E-Mail-ID",), "fr": ("ID d'e-mail",), "ja": ("メールID",)},
    "sent": {
        "en": ("Sent",),
        "de": ("Gesendet", "Versendet"),
        "fr": ("Envoyé", "Envoyés"),
        "es": ("Enviado", "Enviados"),
        "pt": ("Enviado", "Enviados"),
        "ja": ("送信済み", "送信"),
    },
    "delivered": {
        "en": ("Delivered",),
        "de": ("Zugestellt", "Ausgeliefert"),
        "fr": ("Délivré", "Délivrés", "Diffusé", "Diffusés"),
        "es": ("Entregado", "Entregados"),
        "pt": ("Entregue", "Entregues"),
        "ja": ("配信済み", "メール到着"),
    },
    "hard_bounced": {
        "en": ("Hard Bounced", "Hard Bounce", "Hard Bounces"),
        "de": ("Hard Bounce-Ereignis aufgetreten", "Harter Absprung", "Hard Bounced", "Hardbounce"),
        "fr": ("Renvoi définitif", "Renvois définitifs", "Rebond définitif", "Hard Bounce"),
        "es": ("Devuelto", "Rechazo duro", "Rebote duro", "Devolución permanente"),
        "pt": ("Disparado intenso", "Devolução permanente", "Rejeição permanente"),
        "ja": ("ハードバウンス",),
    },
    "soft_bounced": {
        "en": ("Soft Bounced", "Soft Bounce", "Soft Bounces"),
        "de": ("Soft Bounce-Ereignis aufgetreten", "Weich gebohrt", "Weicher Absprung", "Softbounce"),
        "fr": ("Renvoi temporaire", "Renvois temporaires", "Rebond temporaire", "Soft Bounce"),
        "es": ("Suave devuelta", "Rechazo suave", "Rebote suave", "Devolución temporal"),
        "pt": ("Rejeitado macio", "Devolução temporária", "Rejeição temporária"),
        "ja": ("ソフトバウンス",),
    },
    "pending": {
        "en": ("Pending",),
        "de": ("Ausstehend",),
        "fr": ("En attente",),
        "es": ("Pendiente", "Pendientes"),
        "pt": ("Pendente", "Pendentes"),
        "ja": ("保留中",),
    },
    "aborted": {
        "en": ("Aborted",),
        "de": ("Abgebrochen",),
        "fr": ("Abandonné", "Abandonnés"),
        "es": ("Anulado", "Anulados", "Abortado"),
        "pt": ("Abortado", "Abortados", "Anulado"),
        "ja": ("中止",),
    },
    "opened": {
        "en": ("Opened",),
        "de": ("Geöffnet",),
        "fr": ("Ouvert", "Ouverts", "Ayant ouvert"),
        "es": ("Abierto", "Abiertos"),
        "pt": ("Aberto", "Abertos"),
        "ja": ("開封済み", "開封"),
    },
    "clicked_link": {
        "en": ("Clicked Link", "Clicked"),
        "de": ("Angeklickter Link", "Klicken auf Link", "Geklickter Link"),
        "fr": ("Lien cliqué", "Liens cliqués"),
        "es": ("Vínculo en el que se hizo clic", "Vínculo con clic", "Clic en vínculo"),
        "pt": ("Link clicado", "Links clicados"),
        "ja": ("クリック済みリンク", "クリックされたリンク"),
    },
    "unsubscribed": {
        "en": ("Unsubscribed",),
        "de": ("Hat abbestellt", "Abbestellt", "Nicht abonniert", "Abgemeldet"),
        "fr": ("Désabonné", "Désabonnés"),
        "es": ("No suscrito", "Suscripción cancelada", "Cancelado la suscripción"),
        "pt": ("Inscrito", "Assinatura cancelada", "Inscrição cancelada"),
        "ja": ("配信停止完了", "配信停止", "登録解除"),
    },
    CLICKED_TO_OPENED: {
        "en": ("Clicked to Opened Ratio", "Clicked to Opened", "Click to Open Ratio"),
        "de": ("Verhältnis von Klicks zu Öffnungen", "Klick-zu-Öffnungs-Rate"),
        "fr": ("Taux de clics par ouverture", "Ratio clics/ouvertures"),
        "es": ("Proporción de clics y aperturas", "Ratio de clics y aperturas"),
        "pt": ("Proporção de cliques e aberturas", "Taxa de cliques para abertura"),
        "ja": ("クリック開封率", "クリック/開封率"),
    },
}

PERCENT_WORDS = ("percent", "percentage", "pct")

# The first cell of the row of sums.
TOTALS = (
    *("Total", "Totals", "Grand Total", "Report Total", "Gesamt", "Gesamtsumme", "Summe", "Insgesamt"),
    *("Total général", "Totaux", "Total general", "Totales", "Total geral", "Totais", "合計", "総計"),
)


def key_of(text: str) -> str:
    """The letters and digits of a heading or a name, without case and width."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())


_COLUMNS = {
    key_of(heading): column for column, spoken in HEADINGS.items() for each in spoken.values() for heading in each
}
TOTAL_KEYS = frozenset(map(key_of, TOTALS))


def column_of(heading: str) -> str | None:
    """Which column a heading is: one of `NAMES`, a field of the report, or None for another one."""
    key = key_of(heading)
    is_share = "%" in unicodedata.normalize("NFKC", heading)
    for word in PERCENT_WORDS:
        if key != word and (key.startswith(word) or key.endswith(word)):
            key, is_share = key.removeprefix(word).removesuffix(word), True
    column = _COLUMNS.get(key)
    if not is_share or column == CLICKED_TO_OPENED:
        return column
    return SHARES.get(column) if column is not None else None
