// One call of node's rsmq: node node_rsmq.js PORT NS METHOD OPTIONS. Prints the result as JSON.
const RSMQ = require("rsmq");
const [port, ns, method, options] = process.argv.slice(2);
const rsmq = new RSMQ({ host: "127.0.0.1", port: Number(port), ns, realtime: method === "sendMessage" });
const given = method === "listQueues" ? [] : [JSON.parse(options)];
rsmq[method + "Async"](...given).then(
  (result) => { console.log(JSON.stringify(result)); rsmq.quit(() => process.exit(0)); },
  (error) => { console.log(JSON.stringify({ error: error.name })); process.exit(0); });
