// The benchmark's peer: the Node function that AWS generates for this job, driven line by line.
//
//   node peer.cjs FOLDER_OF_serverless-es-logs
//
// Commands on stdin, one a line:
//
//   load NAME BASE64   keep a payload; answers nothing
//   run N              payload -> bulk body, N times over all payloads: {"cpu_us", "bytes"}; the first run warms up
//   invoke N           the same, and the signed request
//   run N sync         with an unzip on the calling thread, which the function does not do: where waking a thread is
//   invoke N sync      dear, as in some virtual machines, most of what small payloads cost is its asynchronous unzip
//   dump NAME          the bulk body of one payload: {"name", "body"}, null for a control message
//   rss                peak resident memory of this process so far: {"max_rss_bytes"}
//   exit
//
// Every other command answers one line of JSON, which is {"error": …} where the command could not be done.
// Nothing of the function is kept here: it is read from the package, and its inner functions are taken hold of.

'use strict';

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const readline = require('node:readline');
const zlib = require('node:zlib');

// What the function reads when it is loaded and when it signs. The keys are those of AWS's documentation.
const ENVIRONMENT = {
    ES_ENDPOINT: 'search-bench-0123456789abcdefghijklmnop.eu-west-1.es.amazonaws.com',
    ES_INDEX_PREFIX: 'logctl',
    ES_INDEX_DATE_SEPARATOR: '.',
    AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    AWS_SESSION_TOKEN: 'session'.repeat(100),
};

/** Loads the function with its inner functions as exports. */
function load(folder) {
    delete process.env.ES_TAGS;
    Object.assign(process.env, ENVIRONMENT);
    const file = path.resolve(folder, 'templates/code/logsToEs.js');
    const module = new Module(file);
    module.filename = file;
    const inner = ['transform', 'esDocumentArrayToPayload', 'buildRequest'];
    module._compile(`${fs.readFileSync(file, 'utf8')}\nmodule.exports = { ${inner.join(', ')} };`, file);
    return module.exports;
}

/** The unzip of the function's handler: asynchronous, on a thread of libuv's pool. */
function gunzip(bytes) {
    return new Promise((resolve, reject) => {
        zlib.gunzip(bytes, (error, buffer) => (error ? reject(error) : resolve(buffer)));
    });
}

/** What the handler does up to the body that it would post: null for a control message. */
async function body(peer, data, unzip = gunzip) {
    const buffer = await unzip(Buffer.from(data, 'base64'));
    const documents = peer.transform(JSON.parse(buffer.toString('utf8')));
    return documents && peer.esDocumentArrayToPayload(documents);
}

/** Does all payloads `times` times, one after the other, as invocations of one sandbox come. */
async function measure(peer, payloads, times, { signed, unzip }) {
    let bytes = 0;
    const start = process.cpuUsage();
    for (let round = 0; round < times; round += 1) {
        for (const payload of payloads.values()) {
            const text = await body(peer, payload.data, unzip);
            if (text !== null && signed) {
                peer.buildRequest(ENVIRONMENT.ES_ENDPOINT, text);
            }
            // Counted when the payload is seen first, that is while warming up: it is not work of the function.
            payload.bytes ??= text === null ? 0 : Buffer.byteLength(text);
            bytes += payload.bytes;
        }
    }
    const used = process.cpuUsage(start);
    return { cpu_us: used.user + used.system, bytes };
}

async function answer(peer, payloads, line) {
    const [command, name, data] = line.split(' ');
    switch (command) {
        case 'load':
            // Through a buffer, or the text would go on holding the chunks that it was read in.
            payloads.set(name, { data: Buffer.from(data, 'latin1').toString('latin1') });
            return null;
        case 'run':
        case 'invoke':
            return measure(peer, payloads, Number(name), {
                signed: command === 'invoke',
                unzip: data === 'sync' ? zlib.gunzipSync : gunzip,
            });
        case 'dump':
            return { name, body: await body(peer, payloads.get(name).data) };
        case 'rss':
            return { max_rss_bytes: process.resourceUsage().maxRSS * 1024 };
        default:
            throw new Error(`unknown command ${command}`);
    }
}

async function main() {
    const peer = load(process.argv[2]);
    const payloads = new Map();
    for await (const line of readline.createInterface({ input: process.stdin, crlfDelay: Infinity })) {
        if (line === 'exit') {
            break;
        }
        const result = await answer(peer, payloads, line).catch((error) => ({ error: String(error) }));
        if (result) {
            process.stdout.write(`${JSON.stringify(result)}\n`);
        }
    }
    process.stdin.destroy();
}

main();
