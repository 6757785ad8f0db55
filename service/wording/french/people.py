"""What the pages about persons say in French. The folder’s rules set its blanks before : ; ? ! %."""

from __future__ import annotations

from collections.abc import Mapping

PEOPLE: Mapping[str, str] = {
    "sign_in.title": "Connexion",
    "sign_in.why": "Ce qui concerne des personnes est réservé à qui possède un jeton de la boutique.",
    "sign_in.token": "Jeton",
    "sign_in.button": "Se connecter",
    "sign_in.wrong": "Ce jeton est inconnu.",
    "sign_in.scope": "Ce jeton n’ouvre pas cette page : il lui manque le droit « {scope} ».",
    "sign_in.slow": "Trop de jetons erronés. Réessayez dans {seconds} secondes.",
    "sign_in.closed": "Aucun jeton n’est configuré : tout ce qui concerne des personnes reste fermé. Renseignez web.token (16 caractères au moins) et redémarrez le service.",
    "sign_in.elsewhere": "Ce formulaire ne venait pas de cette page. Merci de l’envoyer de nouveau.",
    "sign_in.back": "Vers les chiffres de la boutique",
    "sign_in.again": "Un instant. Si rien ne se passe, suivez ce lien.",
    "sign_out": "Se déconnecter",
    "sign_in.still": "Vous êtes déjà connecté.",
    "people.nav": "Pages",
    "people.today": "Aujourd’hui",
    "people.list": "Clients à risque",
    "people.numbers": "Chiffres",
}  # fmt: skip
