"""A small judgement of public suffixes: domains right under which anybody can register.

The full Public Suffix List changes weekly and is too large to carry along. What is
here suffices to catch the wildcards people write by mistake: one label (``com``), the
usual second level below a country (``co.uk``), and well-known hosting domains. A
suffix that is missing here is not refused.
"""

from __future__ import annotations

_SECOND_LEVELS = frozenset(
    "ac asn co com ed edu go gob gouv gov gv id ltd me mil ne net nhs nom or org plc sch".split()
)

HOSTING_SUFFIXES = frozenset(
    """
    amplifyapp.com appspot.com awsapprunner.com azurecontainerapps.io azurestaticapps.net
    azurewebsites.net bitbucket.io blogspot.com cloudapp.azure.com cloudapp.net cloudflare.net
    cloudfront.net codeberg.page codesandbox.io core.windows.net deno.dev duckdns.org
    elasticbeanstalk.com eu.org firebaseapp.com fly.dev framer.app ghost.io gitbook.io
    github.io githubpreview.dev gitlab.io gitpod.io glitch.me hashnode.dev herokuapp.com
    hf.space lovable.app myshopify.com neocities.org netlify.app ngrok-free.app ngrok.app
    ngrok.io on.aws ondigitalocean.app onrender.com pages.dev pythonanywhere.com r2.dev
    railway.app readthedocs.io repl.co replit.app replit.dev run.app s3.amazonaws.com
    stackblitz.io streamlit.app surge.sh translate.goog trycloudflare.com vercel.app web.app
    webflow.io weebly.com windows.net wixsite.com wordpress.com workers.dev
    """.split()
)


def is_public_suffix(host: str) -> bool:
    """Whether anybody can register a name right under ``host``, as far as known here."""
    labels = host.rstrip(".").split(".")
    if len(labels) == 1:
        return labels[0] != "localhost"
    below_country = len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _SECOND_LEVELS
    return below_country or ".".join(labels) in HOSTING_SUFFIXES
