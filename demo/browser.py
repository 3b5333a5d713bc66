"""A small web browser for scripts: cookies, redirects, forms and refreshes, on pages that a person would see.

It knows nothing about mytoken or about a provider; demo/login.py tells it what to fill in and which button to press. Only
Python's standard library is used.
"""
import html.parser
import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request

MAX_PAGE = 2_000_000  # bytes


class _Parser(html.parser.HTMLParser):
    """Collects the forms, the refresh and the readable text of a page."""

    def __init__(self):
        super().__init__()
        self.forms, self.refresh, self.text = [], None, []
        self._form = self._button = None
        self._silent = 0

    def handle_starttag(self, tag, attributes):
        a = {k: v or "" for k, v in attributes}
        if tag in ("style", "script"):
            self._silent += 1
        elif tag == "meta" and a.get("http-equiv", "").lower() == "refresh":
            _, _, target = a.get("content", "").partition(";")
            self.refresh = target.strip()[4:].strip("'\"") if target.strip().lower().startswith("url=") else None
        elif tag == "form":
            self._form = {"action": a.get("action", ""), "method": a.get("method", "get").lower(), "fields": [], "buttons": []}
            self.forms.append(self._form)
        elif self._form is not None and tag == "input":
            kind = a.get("type", "text").lower()
            if kind in ("submit", "image"):
                self._form["buttons"].append({"name": a.get("name"), "value": a.get("value", ""), "text": a.get("value", "")})
            elif a.get("name") and (kind not in ("checkbox", "radio") or "checked" in a):
                self._form["fields"].append({"name": a["name"], "value": a.get("value", "on" if kind == "checkbox" else ""), "type": kind})
        elif self._form is not None and tag == "button" and a.get("type", "submit").lower() == "submit":
            self._button = {"name": a.get("name"), "value": a.get("value", ""), "text": ""}
            self._form["buttons"].append(self._button)

    def handle_endtag(self, tag):
        if tag in ("style", "script"):
            self._silent -= 1
        elif tag == "form":
            self._form = None
        elif tag == "button":
            self._button = None

    def handle_data(self, data):
        if self._silent == 0 and data.strip():
            self.text.append(data.strip())
        if self._button is not None:
            self._button["text"] = (self._button["text"] + " " + data).strip()


class Page:
    """What the browser shows: `url`, `status`, `headers`, `forms`, `refresh` (URL or None), `text`, `visited` (redirects)."""

    def __init__(self, url, status, headers, body, visited):
        parser = _Parser()
        self.html = body.decode(headers.get_content_charset() or "utf-8", errors="replace")
        if headers.get_content_type() == "text/html":
            parser.feed(self.html)
        self.url, self.status, self.headers, self.visited = url, status, headers, visited
        self.forms, self.refresh, self.text = parser.forms, parser.refresh, " ".join(parser.text)

    def form_with(self, predicate):
        return next((f for f in self.forms if predicate(f)), None)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self):
        self.visited = []

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        self.visited.append((code, newurl))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Browser:
    """One person's browser; cookies live as long as the object."""

    def __init__(self, user_agent="Mozilla/5.0 (scripted) mytoken-demo"):
        self.cookies = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(rfc2965=False))
        self._redirects = _Redirects()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies), self._redirects)
        self._opener.addheaders = [("User-Agent", user_agent), ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]

    def open(self, url, form=None, headers=None):
        """GETs `url`, or POSTs the pairs of `form`; follows redirects. A status of 400 and above is a Page as well."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        self._redirects.visited = []
        request = urllib.request.Request(url, data, headers or {})
        try:
            answer = self._opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Page(answer.geturl(), answer.status, answer.headers, answer.read(MAX_PAGE), self._redirects.visited)

    def submit(self, page, form, values=None, button=None):
        """Submits a form of `page` as a browser does: its fields with `values` in place, and the pressed button."""
        values = dict(values or {})
        pairs = [(f["name"], values.pop(f["name"], f["value"])) for f in form["fields"]]
        if values:
            raise ValueError(f"the form has no field {', '.join(values)}")
        if button is not None and button["name"]:
            pairs.append((button["name"], button["value"]))
        target = urllib.parse.urljoin(page.url, form["action"] or page.url)
        origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(page.url))
        if form["method"] == "post":
            return self.open(target, pairs, {"Origin": origin, "Referer": page.url})
        return self.open(urllib.parse.urlsplit(target)._replace(query=urllib.parse.urlencode(pairs)).geturl())
