// node serve.js KINESALITE_FOLDER: kinesalite in memory, on a free port, which it prints. Streams change their state at once.
const kinesalite = require(process.argv[2])
const server = kinesalite({ createStreamMs: 0, deleteStreamMs: 0, updateStreamMs: 0, shardLimit: 100 })
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
