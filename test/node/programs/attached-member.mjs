// @ts-nocheck: what it imports is downloaded
/** A member with the downloaded proxy; its transport is standard input and output, one JSON object a line. */
import { createInterface } from 'node:readline'

const [url, name, folder, proxy] = process.argv.slice(2)
const { attach, folderStore, httpService } = await import(proxy)

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
let receive

const member = await attach({
  context: 'court',
  name,
  service: httpService(url),
  store: await folderStore(folder),
  answerMs: 10_000,
  transport: {
    send: (to, wire) => say({ to, wire }),
    listen: (listener) => {
      receive = listener
    },
  },
  object: (self) => ({
    got: [],
    save() {
      return this.got
    },
    restore(got) {
      this.got = got
    },
    async receive({ ball, limit }, from) {
      this.got.push(ball)
      say({ got: this.got.length, ball })
      if (ball === limit) say({ end: this.got })
      if (ball % 5 === 0) void self.checkpoint().catch(() => undefined)
      await self.send(from, { ball: ball + 1, limit })
    },
  }),
  ended: (error) => say({ ended: error.message }),
})

createInterface({ input: process.stdin }).on('line', async (text) => {
  const line = JSON.parse(text)
  if (line.wire) say({ receipt: await receive(line.wire), id: line.id })
  if (line.serve) await member.send(line.serve, { ball: 1, limit: line.limit })
  if (line.ask === 'mode') say({ safe: member.safeMode })
})
say({ ready: name })
