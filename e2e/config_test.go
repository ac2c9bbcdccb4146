package e2e

// ringSeconds is how long an offer rings in these tests.
const ringSeconds = 4

// baseConfig takes: folder, HTTP port, SIP port, first and last RTP port, WebRTC port.
const baseConfig = `shutdown_limit = "1s"
key_dir = "%[1]s/keys"
audit_dir = "%[1]s/audit"
[log]
level = "debug"
[http]
listen = "127.0.0.1:%[2]d"
rate_limit = 1000 # many tests, one token
burst = 1000
[store]
dir = "%[1]s/store"
[recorder]
spool_dir = "%[1]s/spool"
[recorder.archive]
folder = "%[1]s/archive"
[webrtc]
udp_port = %[6]d
ips = ["127.0.0.1"]
loopback = true
[desk]
queues = [{ id = "service", name = "Service", ring = "4s", wrapup = "5s" }]
numbers = [{ number = "1000", queue = "service" }]
agents = [{ id = "alice", name = "Alice" }, { id = "bob", name = "Bob" }]
[sip]
udp = "127.0.0.1:%[3]d"
tcp = "127.0.0.1:%[3]d"
rtp_port_min = %[4]d
rtp_port_max = %[5]d
[[sip.trunks]]
name = "in"
sources = ["127.0.0.1"]
`

// trunkConfig takes: name, SIP port of the telephone that is called through it.
const trunkConfig = `[[sip.trunks]]
name = "%s"
proxy = "127.0.0.1:%d"
`

// storeConfig takes: endpoint, bucket, access key, secret key. It must come last.
const storeConfig = `[recorder.archive.s3]
endpoint = "%s"
bucket = "%s"
access_key = "%s"
secret_key = "%s"
tls = false
`
