// node rsmq_node.js PORT NS FROM TO COUNT: as bench_rsmq_bare, with node's rsmq as its README shows it.
const Rsmq = require("rsmq");

const [port, ns, from, to, count] = process.argv.slice(2);
const rsmq = new Rsmq({ host: "127.0.0.1", port: Number(port), ns });

async function main() {
  let begin;
  for (let done = 0; done < Number(count); ) {
    const message = await rsmq.receiveMessageAsync({ qname: from });
    if (!message.id) continue;
    begin ??= process.hrtime.bigint();
    await rsmq.sendMessageAsync({ qname: to, message: message.message });
    await rsmq.deleteMessageAsync({ qname: from, id: message.id });
    done += 1;
  }
  console.log(Number(process.hrtime.bigint() - begin) / 1e9);
  process.exit(0);
}

main();
