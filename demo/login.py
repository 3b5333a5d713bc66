#!/usr/bin/env python3
"""Logs in as a person would: opens a consent link, allows (or denies), signs in at the provider and agrees there.

    demo/login.py CONSENT_URL USER PASSWORD [allow|deny]

prints the title of every page on the way and ends with 0 when the last page is the server's final one.
"""
import sys
import urllib.parse

from browser import Browser

MAX_PAGES = 15


class LoginFailed(Exception):
    """The text says on which page it went wrong and what was written there."""


def _button(form, decision):
    """The button of a consent form that stands for `decision` (`allow` or `deny`)."""
    return next((b for b in form["buttons"] if decision in (b["value"].lower(), b["text"].lower())), None)


def log_in(consent_url, user, password, *, decision="allow", at_provider="allow", browser=None, done=None, trace=lambda page: None):
    """Goes from `consent_url` through all pages until `done(page)` holds (default: the server's /native pages).

    `decision` is for the server's own consent page, `at_provider` for pages elsewhere. Returns the last page. Raises
    LoginFailed for an error status and for a page it does not understand.
    """
    browser = browser or Browser()
    base = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(consent_url))
    done = done or (lambda page: page.status < 400 and page.url.startswith(f"{base}/native"))
    page = browser.open(consent_url)
    for _ in range(MAX_PAGES):
        trace(page)
        if done(page):
            return page
        if page.status >= 400:
            raise LoginFailed(f"{page.url} answered {page.status}: {page.text[:300]}")
        wanted = decision if page.url.startswith(f"{base}/") else at_provider
        password_form = page.form_with(lambda f: any(x["type"] == "password" for x in f["fields"]))
        decision_form = page.form_with(lambda f: _button(f, wanted) is not None)
        if password_form:
            secret = next(x["name"] for x in password_form["fields"] if x["type"] == "password")
            name = next(x["name"] for x in password_form["fields"] if x["type"] in ("text", "email"))
            page = browser.submit(page, password_form, {name: user, secret: password}, (password_form["buttons"] or [None])[0])
        elif decision_form:
            page = browser.submit(page, decision_form, button=_button(decision_form, wanted))
        elif page.refresh:
            page = browser.open(urllib.parse.urljoin(page.url, page.refresh))
        else:
            raise LoginFailed(f"nothing to do at {page.url} (status {page.status}): {page.text[:300]}")
    raise LoginFailed(f"no end after {MAX_PAGES} pages, at {page.url}")


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    try:
        log_in(*sys.argv[1:4], decision=sys.argv[4] if len(sys.argv) == 5 else "allow",
               trace=lambda page: print(f"{page.status} {page.url.split('?')[0]}"))
    except LoginFailed as error:
        sys.exit(f"login failed: {error}")


if __name__ == "__main__":
    main()
