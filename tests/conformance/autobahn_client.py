"""The fuzzing client of the Autobahn test suite, with headers of its own for each server.

Python 2.7, as the suite is. Takes the specification file. Everything is the suite's but one thing: a
server in the specification may have `headers`, which go into its opening handshakes.
"""

import json
import sys

import autobahntestsuite.choosereactor
from autobahntestsuite import fuzzing
from twisted.internet import reactor


class Client(fuzzing.FuzzingClientFactory):
    def nextServer(self):
        more = fuzzing.FuzzingClientFactory.nextServer(self)
        if more:
            self.headers = self.spec["servers"][self.currServer].get("headers", {})
        return more


with open(sys.argv[1]) as specification:
    client = Client(json.load(specification))
reactor.run()
