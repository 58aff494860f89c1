"""The proxy of an attached member, for Python 3.8 and later; the standard library is enough. It does what proxy.mjs does.

    member = attach(service=http_service('http://127.0.0.1:7337'), context='bank', name='a', transport=transport,
                    store=FolderStore('./a'), make=lambda me: Ledger(me))

The object that `make` returns has save(), restore(state) and receive(message, sender). It sends with me.send(to, message). The transport
has send(to, wire) and listen(receive); receive(wire) returns once the message is stored. Payloads and states are JSON.

  A1  A message is stored before it is delivered; messages are delivered one at a time, in the order in which they came.
  A2  A checkpoint is stored before anything carries its index; sends wait in between. Saving happens only between two deliveries.
  A3  Only what brings a new dependency after something was sent in this interval is asked for.
  A4  Edges accepted without a question travel with everything sent afterwards, until the service is known to have them. Where they are
      too many, their number travels instead, and the service answers `force` to whoever depends on edges it has not got.
  A5  Without an answer in time the question answers itself: save.
  A6  Messages sent in an interval that a later line undoes are ghosts and never delivered; those of an epoch to come wait for its line.
  A7  An object that was thrown away can neither send nor save any more.
"""
import json
import os
import threading
import urllib.error
import urllib.request
import uuid

# Edges that a message carries; edges in one call; members of a group.
MAX_ATTACHED, MAX_TOLD, MAX_NEEDS = 32, 1024, 256
# Of a long poll, in milliseconds.
WAIT_MS = 20_000
# Deliveries without a checkpoint after which one is taken.
LAG_DELIVERIES = 1024
# Epochs a message may be late; messages that may overtake one of the same sender; forgotten entries after which the store is rewritten.
EPOCHS_KEPT, MAX_OVERTAKEN, COMPACT_AFTER = 64, 4096, 1024
# Messages that wait for a slow object.
MAX_WAITING = 100_000
# An object that breaks so often at the same message will always.
MAX_BREAKS = 3
FINAL = {'PERDURE_E_' + code for code in ('STALE', 'UNKNOWN_GROUP', 'UNKNOWN_MEMBER', 'WEDGED', 'USAGE', 'NAME')}


class Refused(Exception):
    """The service says no."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Revoked(Exception):
    """The object was thrown away when the group went back; its successor goes on."""


def http_service(url, token=None):
    """Calls an operation of the service: Refused for a refusal, any other exception is an outage."""
    headers = {'content-type': 'application/json'}
    if token is not None:
        headers['authorization'] = 'Bearer ' + token

    def call(operation, body, seconds):
        data = json.dumps(body).encode()
        request = urllib.request.Request(url + '/checkpoint/' + operation, data=data, headers=headers, method='POST')
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            answer = json.loads(error.read())
            raise Refused(answer.get('code'), answer.get('message')) from None

    return call


class MemoryStore:
    """Survives the object, not the process."""

    def __init__(self):
        self._records = []

    def read(self):
        return [json.loads(record) for record in self._records]

    def append(self, record):
        self._records.append(json.dumps(record))

    def replace(self, records):
        self._records = [json.dumps(record) for record in records]


class FolderStore:
    """One file in a folder: a record a line, synced before it counts. A last line that was cut off by a crash never counted. Every line names
    the life of the store: what a process that was replaced and does not know it yet still says of checkpoints and lines does not count."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self._path = os.path.join(folder, 'member.log')
        self._file = open(self._path, 'ab')
        self._life = 1

    def read(self):
        with open(self._path, 'rb') as file:
            text = file.read()
        whole = text[: text.rfind(b'\n') + 1]
        if len(whole) < len(text):
            self._file.truncate(len(whole))
        records = []
        for record in self._parsed(whole):
            life = record.pop('life')
            self._life = max(self._life, life + 1)
            if life + 1 == self._life or record['kind'] == 'message':
                records.append(record)
        return records

    def _parsed(self, text):
        for number, line in enumerate(text.split(b'\n'), 1):
            if line:
                try:
                    yield json.loads(line)
                except ValueError as cause:
                    where = '%s, line %d,' % (self._path, number)
                    raise ValueError('%s is damaged (%s). Restore the folder from a copy.' % (where, cause)) from cause

    def append(self, record):
        self._write(self._file, [record])

    def replace(self, records):
        fresh = open(self._path + '.new', 'wb')
        self._write(fresh, records)
        os.replace(self._path + '.new', self._path)
        self._file.close()
        self._file = fresh

    def _write(self, file, records):
        file.write(b''.join(json.dumps({'life': self._life, **record}).encode() + b'\n' for record in records))
        file.flush()
        os.fsync(file.fileno())


def message_id(token, to):
    return 'outside>' + to if token is None else '%d.%d.%d>%s' % (token[0], token[1], token[3], to)


def from_outside(sender, payload):
    """A message from no member: it is never undone, and replayed exactly."""
    return {'from': sender, 'token': None, 'edges': [], 'needs': [], 'payload': payload}


def read_wire(wire):
    """TypeError for what is no message of a member."""

    def counts(given, length):
        return isinstance(given, list) and len(given) == length and all(type(n) is int and n >= 0 for n in given)

    if isinstance(wire, dict) and isinstance(wire.get('from'), str) and 'payload' in wire and 'token' in wire:
        token, edges, needs = wire['token'], wire.get('edges'), wire.get('needs')
        lists = isinstance(edges, list) and isinstance(needs, list) and len(edges) <= MAX_ATTACHED and len(needs) <= MAX_NEEDS
        if lists and (token is None or counts(token, 4)):
            if all(counts(edge, 5) for edge in edges) and all(counts(need, 2) for need in needs):
                return wire
    raise TypeError('This is no message of a member: expected what transport.send was given, or from_outside(name, payload).')


def joined(needs):
    most = {}
    for place, number in needs:
        most[place] = max(number, most.get(place, 0))
    return [[place, number] for place, number in most.items()]


def tellable(index, own):
    """As many edges as one call takes, and the index that is true with these."""
    return (index, own) if len(own) <= MAX_TOLD else (own[MAX_TOLD - 1][4], own[:MAX_TOLD])


class KnownEdges:
    """The edges that this member knows and the service may not: those of its own deliveries, and those it heard of (A4)."""

    def __init__(self):
        self.place = -1
        self.clear()

    def clear(self):
        self.own, self.heard_of, self.needs, self._count = [], {}, [], 0

    def accepted(self, sender, sent, delivered):
        self._count += 1
        self.own.append([self.place, self._count, sender, sent, delivered])

    def heard(self, wire):
        for edge in wire['edges']:
            if edge[0] != self.place:
                self.heard_of[(edge[0], edge[1])] = edge
        self.needs = joined(self.needs + wire['needs'])
        if len(self.heard_of) > MAX_TOLD:
            self.needs = joined(self.needs + [edge[:2] for edge in self.heard_of.values()])
            self.heard_of = {}

    def attached(self):
        edges = self.own + list(self.heard_of.values())
        if len(edges) <= MAX_ATTACHED:
            return {'edges': edges, 'needs': self.needs}
        return {'edges': [], 'needs': joined(self.needs + [edge[:2] for edge in edges])}

    def report(self, index):
        told, own = tellable(index, self.own)
        heard = list(self.heard_of.values())[: MAX_TOLD - len(own)]
        return {'index': told, 'edges': own + heard, 'needs': self.needs}

    def told(self, report, unknown):
        last = max([edge[1] for edge in report['edges'] if edge[0] == self.place], default=0)
        for edge in report['edges']:
            self.heard_of.pop((edge[0], edge[1]), None)
        self.own = [edge for edge in self.own if edge[1] > last]
        self.needs = joined(unknown + [need for need in self.needs if need not in report['needs']])


class MemberLog:
    """The messages a member was brought, in order, its checkpoints, and the lines by which ghosts are known."""

    def __init__(self, store):
        self._store = store
        self.epoch, self.base, self._forgotten = 0, 0, 0
        self.lines, self.entries, self.checkpoints, self._seen = [], [], [], {}
        for record in store.read():
            self._remember(record)

    def _remember(self, record):
        kind = record['kind']
        if kind == 'message':
            if record['wire']['token'] is not None:
                self._is_new(record['wire']['token'])
            self.entries.append(record['wire'])
        elif kind == 'checkpoint':
            self.checkpoints.append(record)
        elif kind == 'lines':
            self.epoch = record['epoch']
            self.lines = (self.lines + record['lines'])[-EPOCHS_KEPT:]
            if record['to'] is not None:
                self.checkpoints = [saved for saved in self.checkpoints if saved['index'] <= record['to']]
        else:
            self.base = record['at']
            self._seen = {key: [up_to, set(beyond)] for key, up_to, beyond in record['seen']}

    def checkpoint(self, index):
        return next((saved for saved in reversed(self.checkpoints) if saved['index'] == index), None)

    def at(self, position):
        index = position - self.base
        return self.entries[index] if index < len(self.entries) else None

    def add(self, wire):
        token = wire['token']
        if token is not None and not (self.accepts(token) and self._is_new(token)):
            return 'dropped'
        try:
            self._store.append({'kind': 'message', 'wire': wire})
        except Exception:
            if token is not None:
                self._seen['%d %d' % (token[0], token[1])][1].discard(token[3])
            raise
        self.entries.append(wire)
        return 'kept'

    def accepts(self, token):
        place, epoch, index, _ = token
        if epoch < self.epoch - EPOCHS_KEPT:
            return False
        limits = [line[place] for later, line in self.lines if later > epoch and place < len(line)]
        return all(limit is None or index < limit for limit in limits)

    def _is_new(self, token):
        seen = self._seen.setdefault('%d %d' % (token[0], token[1]), [0, set()])
        number = token[3]
        if number <= seen[0] or number in seen[1]:
            return False
        seen[1].add(number)
        while seen[0] + 1 in seen[1] or len(seen[1]) > MAX_OVERTAKEN:
            seen[0] += 1
            seen[1].discard(seen[0])
        return True

    def save(self, saved):
        self._store.append(saved)

    def begin(self, epoch, lines, to):
        record = {'kind': 'lines', 'epoch': epoch, 'lines': lines, 'to': to}
        self._remember(record)
        self._seen = {key: seen for key, seen in self._seen.items() if int(key.split(' ')[1]) >= epoch - EPOCHS_KEPT}
        self._store.append(record)

    def forget(self, floor):
        first = next((saved for saved in reversed(self.checkpoints) if saved['index'] <= floor), None)
        if first is None or first is self.checkpoints[0]:
            return
        self.checkpoints = [saved for saved in self.checkpoints if saved['index'] >= first['index']]
        self._forgotten += first['at'] - self.base
        del self.entries[: first['at'] - self.base]
        self.base = first['at']

    def compact(self):
        if self._forgotten < COMPACT_AFTER:
            return
        self._forgotten = 0
        seen = [[key, up_to, sorted(beyond)] for key, (up_to, beyond) in self._seen.items()]
        records = [{'kind': 'base', 'at': self.base, 'seen': seen}]
        records.append({'kind': 'lines', 'epoch': self.epoch, 'lines': self.lines, 'to': None})
        self._store.replace(records + self.checkpoints + [{'kind': 'message', 'wire': wire} for wire in self.entries])


class Self:
    """What an object sees of its proxy; useless once the object was thrown away (A7)."""

    def __init__(self, member):
        self._member = member
        self.name = member.name

    def send(self, to, message):
        """Not before the object is made and restored."""
        self._member._send(self, to, message)

    def checkpoint(self):
        """Asks for a checkpoint after this delivery."""
        self._member._ask_to_save(self)


def attach(**options):
    """Returns once the member is in the group, restored to where the group has gone back to; waits for a service that is away."""
    member = Member(**options)
    member._start()
    return member


class Member:
    def __init__(self, context, name, service, transport, make, store=None, answer_ms=2000, retry_ms=250, ended=None):
        self.name, self._context, self._service, self._transport, self._make = name, context, service, transport, make
        self._answer, self._retry, self._ended = answer_ms / 1000, retry_ms / 1000, ended
        self._changed = threading.Condition(threading.RLock())
        self._log = MemberLog(store if store is not None else MemoryStore())
        self._edges = KnownEdges()
        self._life, self._object, self._incarnation = None, None, 0
        self.index, self._sent, self._received, self._counts, self._at = 0, False, [], {}, 0
        self._requests, self._taken = 0, 0
        self._leaving = self._gate = self._halting = self._quiet = self._tell_wanted = self._news = False
        self.safe_mode, self._over, self._breaks = False, None, (-1, 0)

    # What programs call.

    def send(self, to, message):
        """While the group goes back it waits, and is sent then."""
        self._send(None, to, message)

    def receive(self, wire):
        """What the transport brings: 'kept' once it is stored, 'dropped' for a duplicate or a ghost."""
        with self._changed:
            if self._over:
                raise self._over
            if self._log.base + len(self._log.entries) - self._at >= MAX_WAITING:
                raise BlockingIOError('Too many messages wait for %s; this one was not kept. Send it again later.' % self.name)
            receipt = self._log.add(read_wire(wire))
            self._notify()
            return receipt

    def checkpoint(self):
        """Returns the index when the checkpoint is stable. Not to be called by the object itself, which has me.checkpoint()."""
        with self._changed:
            self._requests += 1
            mine = self._requests
            self._notify()
            while self._taken < mine and not self._over:
                self._changed.wait()
            if self._over:
                raise self._over
            return self.index

    def recover(self, failed):
        return self._insist('recover', {'context': self._context, 'failed': list(failed)})

    def detach(self):
        """Leaves the group for good, once it was given what is here, and nothing it has done can be undone any more."""
        end = self._log.base + len(self._log.entries)
        while True:
            while self._at < end and not self._over:
                self._pause()
            self.checkpoint()
            with self._changed:
                self._leaving = True
            if self._tell_once() is not None and not self._edges.own:
                with self._changed:
                    of = self._of()
                if self._insist('detach', of):
                    return self._end(Exception('%s has left the group %s.' % (self.name, self._context)))
            with self._changed:
                self._leaving = False
            self._pause()

    def close(self):
        self._end(Exception('The proxy of %s is closed.' % self.name))

    def _start(self):
        last = self._log.checkpoints[-1] if self._log.checkpoints else {'index': -1, 'edges': []}
        index, edges = tellable(last['index'], last['edges'])
        body = {'context': self._context, 'member': self.name, 'boot': uuid.uuid4().hex, 'epoch': self._log.epoch}
        grant = self._insist('attach', {**body, 'index': index, 'edges': edges})
        self._edges.place, self._incarnation = grant['place'], grant['incarnation']
        self._heed(grant['order'])
        self._transport.listen(self.receive)
        for loop in (self._listen, self._tell_loop):
            threading.Thread(target=loop, daemon=True).start()

    # The worker: one thing after the other, for one life of the object.

    def _work(self, life):
        while True:
            with self._changed:
                if self._life is not life:
                    return
                self._news = False
            try:
                if not self._turn(life):
                    with self._changed:
                        if not self._news:
                            self._changed.wait(self._retry)
            except Revoked:
                return
            except Exception as error:  # noqa: BLE001: whatever an object throws, it is broken
                self._broken(life, error)
                return

    def _notify(self):
        self._news = True
        self._changed.notify_all()

    def _turn(self, life):
        with self._changed:
            halting, quiet = self._halting, self._quiet
            if not halting and not quiet:
                self._log.compact()
                last = self._log.checkpoints[-1]['at'] if self._log.checkpoints else 0
                asked = self._requests if self._requests > self._taken else 0
                wire = self._log.at(self._at)
                lagging = self._at - last >= LAG_DELIVERIES
        if halting:
            return self._halt(life)
        if quiet:
            return False
        if asked or lagging:
            self._take(life)
            with self._changed:
                self._taken = max(self._taken, asked)
                self._notify()
            return True
        if wire is None or self._leaving:
            return False
        token = wire['token']
        if token is not None and not self._log.accepts(token):
            with self._changed:
                self._at += 1
            return True
        if token is not None and token[1] > self._log.epoch:
            return self._early(life, token[1])
        if token is not None and not self._admit(life, wire, token):
            return False
        with self._changed:
            if self._life is not life:
                return False
            self._at += 1
            receive = self._object.receive
        receive(json.loads(json.dumps(wire['payload'])), wire['from'])
        return True

    def _admit(self, life, wire, token):
        """Whether it may be delivered now: nothing is needed, or the service says no, or the checkpoint is taken."""
        sender, epoch, index, _ = token
        with self._changed:
            if epoch == self._log.epoch:
                self._edges.heard(wire)
            self._received += [-1] * (sender + 1 - len(self._received))
            news = index > self._received[sender]
            must_ask = news and self._sent
            if not must_ask:
                if news:
                    self._received[sender] = index
                    self._edges.accepted(sender, index, self.index)
                return True
        asked = self._ask(wire, token)
        if asked == 'later':
            return False
        if asked in ('forced', 'save'):
            self._take(life)
        with self._changed:
            if self._life is not life:
                return False
            self._received[sender] = index
            if asked == 'save':
                self._edges.accepted(sender, index, self.index)
            return True

    def _ask(self, wire, token):
        if self.safe_mode:
            return 'save'
        with self._changed:
            report = self._report()
            message = {'message': message_id(token, self.name), 'from': token[0], 'sentEpoch': token[1], 'sent': token[2]}
            body = {**report, **message, 'interval': self.index}
        decision = self._call('check', body, 2)
        with self._changed:
            if self._over or self._log.epoch != body['epoch']:
                return 'later'
            if decision is None:
                return 'save'
            if decision['status'] != 'ok':
                return 'later'
            self._told(decision, body)
            return 'forced' if decision['force'] else 'decided'

    def _early(self, life, epoch):
        answer = self._tell_once()
        with self._changed:
            if answer is None or self._life is not life or answer['epoch'] >= epoch:
                return False
            self._at += 1
            return True

    def _take(self, life):
        with self._changed:
            if self._life is not life:
                raise Revoked()
            self._gate = True
            taken = self._object
        try:
            state = json.dumps(taken.save())
            with self._changed:
                if self._life is not life:
                    raise Revoked()
                saved = {'kind': 'checkpoint', 'index': self.index + 1, 'at': self._at, 'state': state}
                saved.update(received=list(self._received), edges=list(self._edges.own))
                self._log.save(saved)
                self._log.checkpoints.append(saved)
                self.index += 1
                self._sent = False
                self._tell_wanted = True
        finally:
            with self._changed:
                if self._life is life:
                    self._gate = False
                self._notify()

    def _ask_to_save(self, life):
        with self._changed:
            if self._life is not life:
                raise Revoked('This object of %s was thrown away.' % self.name)
            self._requests += 1

    def _send(self, life, to, message):
        """`life`: of the object that sends; None: the member as such does."""
        if not isinstance(to, str):
            raise TypeError('A message was to be sent to %r: expected the name of a member.' % (to,))
        with self._changed:
            while (self._gate or self._quiet) and not self._over and life in (None, self._life):
                self._changed.wait()
            if self._over:
                raise self._over
            if self._life is None or life not in (None, self._life):
                raise Revoked('This object of %s is not restored yet, or was thrown away: then let it end.' % self.name)
            payload = json.loads(json.dumps(message))
            self._sent = True
            number = self._counts[to] = self._counts.get(to, 0) + 1
            token = [self._edges.place, self._log.epoch, self.index, number]
            attached = self._edges.attached()
            self._tell_wanted |= len(attached['needs']) > 0
        self._transport.send(to, {'from': self.name, 'token': token, **attached, 'payload': payload})

    # What the service is told.

    def _of(self):
        of = {'context': self._context, 'member': self.name}
        return {**of, 'incarnation': self._incarnation, 'epoch': self._log.epoch}

    def _report(self):
        return {**self._of(), **self._edges.report(self.index)}

    def _tell_once(self):
        with self._changed:
            body = self._report()
        answer = self._call('report', body)
        with self._changed:
            if answer and answer['status'] == 'ok' and self._log.epoch == body['epoch']:
                self._told(answer, body)
        return answer

    def _tell_loop(self):
        while not self._over:
            with self._changed:
                if not self._tell_wanted and not self.safe_mode:
                    self._changed.wait(self._retry)
                wanted = self._tell_wanted or self.safe_mode
                self._tell_wanted = False
            if wanted and self._tell_once() is None:
                self._pause()

    def _told(self, answer, report):
        self._edges.told(report, answer['unknown'])
        self._log.forget(answer['floor'])
        if self.safe_mode and not self._edges.own:
            self.safe_mode = False
        self._notify()

    # Orders of the service.

    def _listen(self):
        while not self._over:
            with self._changed:
                of = self._of()
            order = self._call('wait', {**of, 'waitMs': WAIT_MS}, extra=WAIT_MS / 1000)
            if self._over:
                return
            if order is None:
                self._pause()
                continue
            try:
                self._heed(order)
            except Exception as error:  # noqa: BLE001: a store that fails ends the member
                self._end(error)

    def _heed(self, order):
        if order['do'] == 'rollback':
            return self._go_back(order)
        with self._changed:
            if order['do'] == 'resume':
                self._log.begin(order['epoch'], order['lines'], None)
                return self._begin()
            self._log.forget(order['floor'])
            if order['do'] == 'save':
                self._requests += 1
            elif order['do'] == 'halt':
                self._halting = self._halting or not self._quiet
            self._notify()
            if order['do'] != 'nothing':
                self._changed.wait_for(lambda: self._quiet and not self._halting or self._over, self._retry)

    def _halt(self, life):
        """Nothing is under way here: says how far it is, with every edge."""
        with self._changed:
            if self._life is not life:
                return False
            self._quiet = True
        while len(self._edges.own) > MAX_TOLD:
            if self._tell_once() is None:
                self._pause()
        with self._changed:
            body = self._report()
        answer = self._call('halted', body)
        if answer is None:
            self._pause()
            return True
        with self._changed:
            if self._life is life and self._log.epoch == body['epoch']:
                self._halting = False
                if answer['status'] == 'ok':
                    self._told(answer, body)
                else:
                    self._quiet = False
                self._notify()
        return True

    def _go_back(self, order):
        epoch, index = order['epoch'], order['index']
        with self._changed:
            self._life, self._gate, self._quiet = None, False, True
            self._notify()
            saved = self._log.checkpoint(index)
        life = Self(self)
        made = self._restored(life, saved, index)
        if made is None:
            self._log.checkpoints = [other for other in self._log.checkpoints if other['index'] != index]
            self._call('unavailable', {**self._of(), 'epoch': epoch, 'index': index})
            return
        with self._changed:
            self._log.begin(epoch, order['lines'], index)
            self.index, self._sent = index, False
            self._at = saved['at'] if saved else self._log.base
            self._received = list(saved['received']) if saved else []
            if saved is None:
                first = {'kind': 'checkpoint', 'index': 0, 'at': self._at, 'received': [], 'edges': []}
                first['state'] = json.dumps(made.save())
                self._log.save(first)
                self._log.checkpoints.append(first)
            self._life, self._object = life, made
            self._begin()
        threading.Thread(target=self._work, args=(life,), daemon=True).start()

    def _restored(self, life, saved, index):
        """None: that checkpoint is not here, or cannot be restored. Index 0 is what the factory makes."""
        if saved is None:
            return self._make(life) if index == 0 else None
        try:
            made = self._make(life)
            made.restore(json.loads(saved['state']))
            return made
        except Exception:  # noqa: BLE001: whatever is wrong with it, the next lower one may do
            return self._make(life) if index == 0 else None

    def _begin(self):
        self._edges.clear()
        self._counts = {}
        self._halting = self._quiet = False
        self._notify()

    def _broken(self, life, error):
        """The object has thrown: it is thrown away, and goes back as any failed one."""
        with self._changed:
            if self._life is not life or self._over:
                return
            count = self._breaks[1] + 1 if self._breaks[0] == self._at else 1
            self._breaks = (self._at, count)
            self._life, self._gate, self._quiet = None, False, True
        if count >= MAX_BREAKS:
            return self._end(Exception('%s broke %d times at the same message: %r' % (self.name, count, error)))
        try:
            self.recover([self.name])
        except Exception as refused:  # noqa: BLE001
            self._end(refused)

    def _end(self, error):
        with self._changed:
            if self._over:
                return
            self._over, self._life = error, None
            self._notify()
        if self._ended:
            self._ended(error)

    def _call(self, operation, body, attempts=1, extra=0):
        """None: no answer in time, so safe mode; or the member has ended."""
        for _ in range(attempts):
            if self._over:
                break
            try:
                return self._service(operation, body, self._answer / attempts + extra)
            except Refused as refused:
                if refused.code in FINAL:
                    self._end(refused)
            except Exception:  # noqa: BLE001: whatever it is, there is no answer
                pass
        self.safe_mode = True
        return None

    def _insist(self, operation, body):
        while True:
            if self._over:
                raise self._over
            try:
                return self._service(operation, body, self._answer + WAIT_MS / 1000)
            except Refused as refused:
                if refused.code in FINAL:
                    raise
            except Exception:  # noqa: BLE001: whatever it is, there is no answer
                pass
            self._pause()

    def _pause(self):
        threading.Event().wait(self._retry)
