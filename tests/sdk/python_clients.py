"""Unmodified Python clients, one per run: `python_clients.py NAME`.

Their key is one of Sealgate's. With TARGET, an API key goes to the explicit door: the target stands
in a header of each request. Without it, BASE is the base-URL door and the key an access token.
"""

import os
import pathlib
import sys

BASE, KEY = os.environ["BASE"], os.environ["KEY"]
TARGET = os.environ.get("TARGET")


def to(path):
    if TARGET is None:
        return {}
    return {"X-Target-URL": TARGET + path, "X-User-Secret": os.environ["SECRET"]}


def openai():
    from openai import OpenAI

    client = OpenAI(base_url=BASE + "/v1", api_key=KEY, max_retries=0)
    ask = {
        "model": "m",
        "messages": [{"role": "user", "content": "count"}],
        "extra_headers": to("/v1/chat/completions"),
    }
    whole = client.chat.completions.create(**ask)
    assert whole.choices[0].message.content == "one two three", whole
    confirmed = pathlib.Path(os.environ["CONFIRMED"])
    words = []
    for number, chunk in enumerate(client.chat.completions.create(stream=True, **ask)):
        words.append(chunk.choices[0].delta.content)
        (confirmed / str(number)).touch()
    assert words == ["one", "two", "three"], words


def stripe():
    from stripe import StripeClient

    client = StripeClient(KEY, base_addresses={"api": BASE}, max_network_retries=0)
    customers = client.v1.customers
    shown = customers.retrieve("cus_1", options={"headers": to("/v1/customers/cus_1")})
    assert shown.id == "cus_1", shown
    new = {"email": "b@example.com"}
    made = customers.create(params=new, options={"headers": to("/v1/customers")})
    assert (made.id, made.email) == ("cus_2", "b@example.com"), made


def requests():
    import requests

    with requests.Session() as session:
        session.headers["X-Api-Key"] = KEY
        # Its credential goes into the query, beside what stands there.
        path = "/search?q=a%2Fb"
        answer = session.get(BASE + path, headers=to(path))
        assert (answer.status_code, answer.json()["path"]) == (200, "/search"), answer.text
        answer = session.post(BASE + "/items", headers=to("/items"), data=b"body")
        assert (answer.status_code, answer.json()["body"]) == (200, "body"), answer.text


def httpx():
    import httpx

    with httpx.Client(headers={"X-Api-Key": KEY}) as client:
        answer = client.post(BASE + "/items", headers=to("/items"), content=iter([b"in ", b"pieces"]))
        assert (answer.status_code, answer.json()["body"]) == (200, "in pieces"), answer.text


globals()[sys.argv[1]]()
