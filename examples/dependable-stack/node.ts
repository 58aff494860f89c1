/**
 * One machine of the example, as a process: `node.ts FOLDER NAME` hosts the variant of this name until whoever started it ends.
 */
import { host, open } from 'perdure'
import { ArrayStack, ListStack } from './stack.ts'

const [folder = '', name = ''] = process.argv.slice(2)
process.on('disconnect', () => process.exit())
const site = await open(folder, { attach: true })
await host(site, name, [name === 'marumbi' ? ArrayStack : ListStack])
process.send?.('hosting')
