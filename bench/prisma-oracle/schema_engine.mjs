// Drives the schema engine that Prisma 7.10 ships as WebAssembly, in this process: one request a line on stdin, one
// answer a line on stdout, in order.
//
//   node schema_engine.mjs CACHE
//
// CACHE is a folder with node_modules as package.json asks for.
//
// In:  { method, url?, namespace?, … }. `url` is a live PostgreSQL (a shadow database is made on the same server);
//      without it nothing may be asked of a server. `namespace` is what `?schema=` would say.
// Out: { result } or { error: { code, message, meta? } }; `code` is Prisma's where it has one.
//
// A schema is a text, or { "file.prisma": text } for several files. Migrations are [{ name, sql }] or
// { lock: text | null, init: text, list: [{ name, sql }] }; a `sql` of null is a folder without its file.
//
// method                  further keys                        result
// diff                    from, to, script, exitCode          { exitCode, stdout }
//                         (each { empty } | { schema } | { migrations } | { url: true })
// introspect              schema, namespaces?, force?         { schema: { files }, views, warnings }
// createMigration         schema, migrations, name, draft     { migrationScript, generatedMigrationName, … }
// evaluateDataLoss        schema, migrations                  { migrationSteps, warnings, unexecutableSteps }
// devDiagnostic           migrations                          { action }
// diagnoseMigrationHistory  migrations, shadow                { history, failedMigrationNames, … }
// applyMigrations         migrations                          { appliedMigrationNames }
// markMigrationApplied    migrations, name                    {}
// markMigrationRolledBack name                                {}
// reset                                                       null
// schemaPush              schema, force                       { executedSteps, warnings, unexecutable }
// dbExecute               script                              null
// version                                                     text of the server
// format                  schema                              the text or [[file, text]]
// validate                schema                              null, or the error that the CLI prints
//
// `parameters`, where given, go to the engine as they are, in place of what is made from the keys above.
// `externalTables` and `externalEnums` may be given with all that look at a database.
//
// What differs from the CLI: it runs the same engine as a native program, which speaks to the server itself (and since
// 7.4 sends a migration statement by statement); here @prisma/adapter-pg speaks to the server and sends a migration whole.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import readline from 'node:readline'
import { pathToFileURL } from 'node:url'

const cache = path.resolve(process.argv[2])
const require = createRequire(path.join(cache, 'package.json'))
const modules = path.join(cache, 'node_modules', '@prisma')
const { PrismaPg } = require('@prisma/adapter-pg')
const { bindMigrationAwareSqlAdapterFactory } = createRequire(path.join(modules, 'adapter-pg', 'package.json'))(
  '@prisma/driver-adapter-utils',
)

const engineFolder = path.join(modules, 'schema-engine-wasm')
const compiled = new WebAssembly.Module(unlocked(fs.readFileSync(path.join(engineFolder, 'schema_engine_bg.wasm'))))
let instances = 0

/**
 * The engine with one branch less. Two of its methods, createMigration and evaluateDataLoss, replay the migrations on
 * the connection at hand, which WebAssembly's build refuses for PostgreSQL with a message of its own; the connection
 * that they get here is a shadow database. The branch is `x & 1`, just before the message's address is loaded.
 */
function unlocked(bytes) {
  const message = 'PostgreSQL shadow DB must be provided through an external factory'
  const data = dataSegments(bytes)
  const segment = data.find(({ start, end }) => bytes.subarray(start, end).includes(message))
  const address = segment && segment.address + bytes.subarray(segment.start, segment.end).indexOf(message)
  const load = address && bytes.indexOf(Buffer.concat([Buffer.from([0x41]), signed(address)]))
  // i32.const 1, i32.and, if
  const branch = load && bytes.lastIndexOf(Buffer.from([0x41, 0x01, 0x71, 0x04, 0x40]), load)
  if (!(branch > 0 && load - branch < 64)) throw new Error('the engine is another one: its refusal was not found')
  const out = Buffer.from(bytes)
  out[branch + 1] = 0
  return out
}

/** Where the module's data segments lie in the file, and the address in memory of each. */
function dataSegments(bytes) {
  let at = 8
  const number = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const id = bytes[at++]
    const end = number() + at
    if (id !== 11) {
      at = end
      continue
    }
    const segments = []
    for (let count = number(); count > 0; count--) {
      let address = null
      if (number() !== 1) {
        at++
        address = number()
        at++
      }
      const length = number()
      segments.push({ address, start: at, end: at + length })
      at += length
    }
    return segments
  }
  return []
}

/** A positive number as signed LEB128. */
function signed(value) {
  const out = []
  for (;;) {
    const byte = value & 0x7f
    value >>= 7
    if (value === 0 && byte < 0x40) return Buffer.from([...out, byte])
    out.push(byte | 0x80)
  }
}

/** A fresh instance of the engine's module: after a panic the old one cannot be used any more. */
async function instantiate() {
  const glue = pathToFileURL(path.join(engineFolder, 'schema_engine_bg.js')).href
  const module = await import(`${glue}?instance=${instances++}`)
  const instance = new WebAssembly.Instance(compiled, { './schema_engine_bg.js': module })
  module.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  return module
}

let wasm = await instantiate()

/** The engine tells its panics here, then ends in a trap that no promise hears of. */
let panic
let fail = () => {}
globalThis.PRISMA_WASM_PANIC_REGISTRY = {
  set_message(text) {
    panic = text
  },
}
process.on('uncaughtException', (error) => fail(new Panic(panic ?? String(error))))
process.on('unhandledRejection', (error) => fail(new Panic(panic ?? String(error))))

class Panic extends Error {}

/** What the engine asks any server first: whether the namespace is there, and the version. */
const FIRST_QUESTION = /^SELECT EXISTS\(SELECT 1 FROM pg_namespace WHERE nspname = \$1\), version\(\)/
const [INT32, BOOLEAN, TEXT] = [0, 5, 7]

/** An adapter for requests that touch no server: it says that it speaks to PostgreSQL 17, and no more. */
const noServer = {
  provider: 'postgres',
  adapterName: '@prisma/adapter-pg',
  async connect() {
    return idle
  },
  async connectToShadowDb() {
    return idle
  },
}
const refuse = async (query) => {
  throw new Error(`no url was given, but a server was asked: ${JSON.stringify(query)}`)
}
const introduce = async (query) => {
  if (!FIRST_QUESTION.test(query.sql)) return refuse(query)
  return {
    columnNames: ['exists', 'version', 'numeric_version'],
    columnTypes: [BOOLEAN, TEXT, INT32],
    rows: [[true, 'PostgreSQL 17.10', 170010]],
  }
}
const idle = {
  provider: 'postgres',
  adapterName: '@prisma/adapter-pg',
  queryRaw: introduce,
  executeRaw: refuse,
  executeScript: refuse,
  startTransaction: refuse,
  getConnectionInfo: () => ({ schemaName: 'public', supportsRelationJoins: true }),
  async dispose() {},
}

/** Mends what the adapter cannot do for a schema engine: read PostgreSQL's type "char", and run a script whole. */
function mended(adapter) {
  const pool = adapter.underlyingDriver()
  const query = pool.query.bind(pool)
  let characters = []
  pool.query = async (...asked) => {
    const answered = await query(...asked)
    for (const [at, field] of (answered.fields ?? []).entries()) {
      if (field.dataTypeID !== CHAR_OID) continue
      field.dataTypeID = TEXT_OID
      characters.push(at)
    }
    return answered
  }
  const queryRaw = adapter.queryRaw.bind(adapter)
  adapter.queryRaw = async (asked) => {
    characters = []
    const answered = await queryRaw(asked)
    // The engine insists on a character where it asks for the kind of a constraint.
    for (const at of characters) answered.columnTypes[at] = CHARACTER
    return answered
  }
  adapter.executeScript = async (script) => {
    // The adapter would cut the script at every semicolon, also inside of functions.
    await query(script).catch((error) => adapter.onError(error))
  }
  return adapter
}

const REPLAYING = new Set(['createMigration', 'evaluateDataLoss'])
const [CHAR_OID, TEXT_OID, CHARACTER] = [18, 25, 6]

/** Adapters of one request, and how to be rid of them. */
function factory(request) {
  if (!request.url) return { ...noServer, async dispose() {} }
  // One connection: the advisory lock and SET belong to a session.
  const made = new PrismaPg({ connectionString: request.url, max: 1 }, { schema: request.namespace ?? undefined })
  const open = new Set()
  const kept = (adapter) => {
    const dispose = adapter.dispose.bind(adapter)
    adapter.dispose = async () => {
      if (open.delete(adapter)) await dispose()
    }
    open.add(adapter)
    return mended(adapter)
  }
  const connectToShadowDb = async () => {
    const adapter = kept(await made.connect())
    const name = `prisma_migrate_shadow_db_${crypto.randomUUID()}`
    await adapter.executeScript(`CREATE DATABASE "${name}"`)
    const url = new URL(request.url)
    url.pathname = `/${name}`
    const shadow = kept(await new PrismaPg({ connectionString: url.href, max: 1 }, { schema: 'public' }).connect())
    const dispose = shadow.dispose
    shadow.dispose = async () => {
      await dispose()
      await adapter.executeScript(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
      await adapter.dispose()
    }
    return shadow
  }
  const connect = async () => {
    if (!REPLAYING.has(request.method)) return kept(await made.connect())
    // These replay the migrations on this very connection; only rows are counted in the real database.
    const live = kept(await made.connect())
    const shadow = await connectToShadowDb()
    const query = shadow.queryRaw.bind(shadow)
    shadow.queryRaw = (asked) => (asked.sql.startsWith('SELECT COUNT(*)') ? live.queryRaw(asked) : query(asked))
    return shadow
  }
  return {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect,
    connectToShadowDb,
    async dispose() {
      for (const adapter of [...open].reverse()) await adapter.dispose()
    },
  }
}

function files(schema) {
  if (typeof schema === 'string') return [{ path: 'schema.prisma', content: schema }]
  return Object.entries(schema).map(([file, content]) => ({ path: file, content }))
}

const LOCK = 'provider = "postgresql"\n'

function migrations(given) {
  const { lock = LOCK, init = '', list } = Array.isArray(given) ? { list: given } : given
  return {
    baseDir: '/migrations',
    lockfile: { path: 'migration_lock.toml', content: lock },
    shadowDbInitScript: init,
    migrationDirectories: list.map(({ name, sql }) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: sql === null ? { tag: 'error', value: 'No such file or directory' } : { tag: 'ok', value: sql },
      },
    })),
  }
}

function target(given, request) {
  if (given.empty) return { tag: 'empty' }
  if (given.schema !== undefined) return { tag: 'schemaDatamodel', files: files(given.schema) }
  if (given.migrations) return { tag: 'migrations', ...migrations(given.migrations) }
  return { tag: 'schemaDatasource', configDir: '.', files: files(request.schema ?? SOURCE) }
}

const SOURCE = 'datasource db {\n  provider = "postgresql"\n}\n'

/** The parameters of each method, as the engine's own type declarations name them. */
function parameters(request) {
  if (request.parameters) return request.parameters
  const filters = {
    externalTables: request.externalTables ?? [],
    externalEnums: request.externalEnums ?? [],
  }
  const schema = request.schema === undefined ? undefined : { files: files(request.schema) }
  const migrationsList = request.migrations && migrations(request.migrations)
  switch (request.method) {
    case 'diff': {
      const { script = true, exitCode = true } = request
      return { from: target(request.from, request), to: target(request.to, request), script, exitCode, filters }
    }
    case 'introspect':
      return {
        schema,
        baseDirectoryPath: '.',
        force: request.force ?? false,
        compositeTypeDepth: -1,
        namespaces: request.namespaces ?? null,
      }
    case 'createMigration':
      return { schema, migrationsList, migrationName: request.name, draft: request.draft ?? false, filters }
    case 'evaluateDataLoss':
      return { schema, migrationsList, filters }
    case 'devDiagnostic':
    case 'applyMigrations':
      return { migrationsList, filters }
    case 'diagnoseMigrationHistory':
      return { migrationsList, optInToShadowDatabase: request.shadow ?? false, filters }
    case 'markMigrationApplied':
      return { migrationsList, migrationName: request.name }
    case 'markMigrationRolledBack':
      return { migrationName: request.name }
    case 'reset':
      return { filter: filters }
    case 'schemaPush':
      return { schema, force: request.force ?? false, filters }
    case 'dbExecute':
      return { datasourceType: { tag: 'url', url: request.url }, script: request.script }
    case 'version':
      return null
    default:
      throw new Error(`there is no method ${request.method}`)
  }
}

function withText(schema, ask) {
  const { format, validate } = require('@prisma/prisma-schema-wasm')
  const named = files(schema).map((file) => [file.path, file.content])
  return ask({ format, validate }, named)
}

/** The engine's own error, or a panic's text. */
function errorOf(error) {
  const text = String(error?.message ?? error)
  try {
    const parsed = JSON.parse(text)
    if (parsed.message) return { code: parsed.error_code ?? parsed.code ?? null, message: parsed.message, meta: parsed.meta }
  } catch {
    // No JSON: a plain text.
  }
  return { code: error?.code ?? null, message: text, meta: error?.meta }
}

async function answer(request) {
  switch (request.method) {
    case 'format':
      return withText(request.schema, ({ format }, named) => {
        const options = JSON.stringify({ options: { tabSize: 2, insertSpaces: true } })
        const formatting = { textDocument: { uri: `file:/${named[0][0]}` }, ...JSON.parse(options) }
        const out = JSON.parse(format(JSON.stringify(named), JSON.stringify(formatting)))
        return typeof request.schema === 'string' ? out[0][1] : out
      })
    case 'validate':
      return withText(request.schema, ({ validate }, named) => {
        try {
          validate(JSON.stringify({ prismaSchema: named, noColor: true }))
          return null
        } catch (error) {
          return errorOf(error)
        }
      })
  }
  const texts = request.schema === undefined ? [['schema.prisma', SOURCE]] : files(request.schema).map((file) => [file.path, file.content])
  const adapters = factory(request)
  const bound = bindMigrationAwareSqlAdapterFactory(adapters)
  const engine = await wasm.SchemaEngine.new({ datamodels: texts }, () => {}, bound)
  try {
    const ended = new Promise((_, reject) => {
      fail = reject
    })
    return (await Promise.race([engine[request.method](parameters(request)), ended])) ?? null
  } catch (error) {
    // Errors of the adapter stay on its side of the wall; the engine has only their number.
    if (panic !== undefined) throw new Panic(panic)
    const id = /^External error id#(\d+)/.exec(String(error?.message ?? error))
    throw id ? (bound.errorRegistry.consumeError(Number(id[1]))?.error ?? error) : error
  } finally {
    if (panic === undefined) engine.free()
    await adapters.dispose()
  }
}

for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (line.trim() === '') continue
  let out
  try {
    out = { result: await answer(JSON.parse(line)) }
  } catch (error) {
    out = { error: errorOf(error) }
    if (error instanceof Panic) {
      wasm = await instantiate()
      panic = undefined
    }
  }
  process.stdout.write(JSON.stringify(out) + '\n')
}
process.exit(0)
