package inet

// CheckPriority is what the packets of health checks bear (SO_PRIORITY), so that the table can tell them
// from others of the gateway. As a handle of traffic control it is 736e:6174, which no queue has:
// it is queued like best effort (tc-prio(8)), and unlike a mark it changes no route.
const CheckPriority = 0x736e6174
