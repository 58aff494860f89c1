"""A member with the downloaded proxy; its transport is standard input and output, one JSON object a line."""
import importlib.util
import json
import sys
import threading

url, name, folder, path = sys.argv[1:]
spec = importlib.util.spec_from_file_location('proxy', path)
proxy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(proxy)
lock = threading.Lock()


def say(line):
    with lock:
        print(json.dumps(line), flush=True)


class Player:
    def __init__(self, me):
        self.me, self.got = me, []

    def save(self):
        return self.got

    def restore(self, got):
        self.got = got

    def receive(self, message, sender):
        ball, limit = message['ball'], message['limit']
        self.got.append(ball)
        say({'got': len(self.got), 'ball': ball})
        if ball == limit:
            say({'end': self.got})
        if ball % 5 == 0:
            self.me.checkpoint()
        self.me.send(sender, {'ball': ball + 1, 'limit': limit})


class Pipes:
    def send(self, to, wire):
        say({'to': to, 'wire': wire})

    def listen(self, receive):
        self.receive = receive


pipes = Pipes()
member = proxy.attach(context='court', name=name, service=proxy.http_service(url), transport=pipes, make=Player,
                      store=proxy.FolderStore(folder), answer_ms=10_000, ended=lambda error: say({'ended': str(error)}))
say({'ready': name})
for text in sys.stdin:
    line = json.loads(text)
    if 'wire' in line:
        say({'receipt': pipes.receive(line['wire']), 'id': line['id']})
    if 'serve' in line:
        member.send(line['serve'], {'ball': 1, 'limit': line['limit']})
    if line.get('ask') == 'mode':
        say({'safe': member.safe_mode})
