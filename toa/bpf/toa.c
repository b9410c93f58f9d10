// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
//
// The client's address in a TCP option, for real servers of FULLNAT services.
//
// A packet that leaves toward a real server bears a laddr as its source. Conntrack knows the
// client. On the SYN, and on the packets that begin where the handshake ended, the client's
// port and address follow the TCP header as an option of kind 254: 8 bytes for IPv4 (as the
// TOA modules of LVS read it), 20 for IPv6 (as DPVS writes it).
//
// The packet grows at its end (bpf_skb_change_tail): the TCP header stays where it is, since
// the kernel notes where a checksum begins that a network card is to fill in, and a program
// cannot change that.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MPL/GPL";

// What is read of a packet beside what programs are shown of it; the loader knows where this kernel has it.
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct net_device {
	unsigned int mtu;
};
struct sk_buff {
	struct net_device *dev;
	unsigned long _nfct; // its conntrack entry, and three bits beside
};
#pragma clang attribute pop

// An address in 16 bytes; IPv4 is mapped (RFC 4291, 2.5.5.2).
struct address {
	__be32 w[4];
};

static __always_inline bool same(const struct address *a, const struct address *b)
{
	return a->w[0] == b->w[0] && a->w[1] == b->w[1] && a->w[2] == b->w[2] && a->w[3] == b->w[3];
}

// A direction of a conntrack entry (struct nf_conntrack_tuple_hash), of which an entry has two.
struct tuple {
	__u64 chain[2];
	struct address src; // IPv4 in its first word
	__be16 sport;
	__u16 family;
	struct address dst;
	__be16 dport;
	__u8 protocol, answer;
};

// servers are the real servers of services that tell.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct address);
	__type(value, __u8);
	__uint(max_entries, 1);
} servers SEC(".maps");

// services are what clients called: VIP and port, ranges of ports as prefixes.
struct service_key {
	__u32 bits;
	struct address vip;
	__be16 port;
	__u16 zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct service_key);
	__type(value, __u64); // the service's number in counts
	__uint(max_entries, 1);
} services SEC(".maps");

// flows are connections whose client has been found.
struct flow_key {
	struct address laddr, server;
	__be16 lport, port;
};

struct flow {
	__u64 service;
	__u32 next; // the sequence number behind the SYN
	__be16 port;
	__u8 len; // of the option
	__u8 told; // how: what enum told says
	struct address client;
};

// Whether a packet behind the handshake had the option.
enum told { UNTOLD, TOLD, TOLD_BIG };

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct flow_key);
	__type(value, struct flow);
	__uint(max_entries, 65536);
} flows SEC(".maps");

// What became of a service's packets.
struct count {
	__u64 syn;     // SYNs with the option
	__u64 first;   // packets behind the handshake with the option
	__u64 options; // passed: 40 bytes of options are no room
	__u64 size;    // passed: larger than the interface takes
	__u64 failed;  // passed: the kernel had no memory
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__type(key, __u64);
	__type(value, struct count);
	__uint(max_entries, 1);
} counts SEC(".maps");

#define TOA_KIND 254
#define TOA_LEN4 8
#define TOA_LEN6 20
#define MSS_KIND 2

enum { PASS = TC_ACT_UNSPEC }; // what comes after us decides

// What every way takes (RFC 8200, 5; of IPv4 hardly any takes less).
#define SMALL 1280

struct option {
	__u8 kind, len;
	__be16 port;
	__u8 address[16];
};

// packet is where its headers are.
struct packet {
	__u32 ip, tcp; // offsets
	__u32 end;     // of what IP says; what lies behind is padding
	struct tcphdr h;
	struct address src, dst;
	bool six;
	bool odd; // a first fragment, or one with extension headers of IPv6: what TCP it has may not all be seen
};

static __always_inline void map4(struct address *a, __be32 v)
{
	a->w[0] = a->w[1] = 0;
	a->w[2] = bpf_htonl(0xffff);
	a->w[3] = v;
}

// Headers of IPv6 that may stand before TCP (RFC 8200, 4). Nobody needs more of them than EXTENSIONS.
#define HOP_BY_HOP 0
#define ROUTING 43
#define FRAGMENT 44
#define DESTINATION 60
#define EXTENSIONS 4

// extended skips extension headers. It is false where no TCP can follow.
static __always_inline bool extended(struct __sk_buff *skb, struct packet *p, __u8 next)
{
	for (int i = 0; i < EXTENSIONS && next != IPPROTO_TCP; i++) {
		struct {
			__u8 next, len;
			__be16 offset;
		} e;

		if (next != HOP_BY_HOP && next != ROUTING && next != FRAGMENT && next != DESTINATION)
			return false;
		if (bpf_skb_load_bytes(skb, p->tcp, &e, sizeof(e)) || (next == FRAGMENT && e.offset & bpf_htons(0xfff8)))
			return false;
		p->tcp += next == FRAGMENT ? 8 : 8 + 8 * e.len;
		p->odd = true;
		next = e.next;
	}
	if (next == HOP_BY_HOP || next == ROUTING || next == FRAGMENT || next == DESTINATION)
		p->tcp = 1 << 16; // behind all that it has
	return next == IPPROTO_TCP || p->tcp == 1 << 16;
}

// parse reads the headers of a TCP packet, or tells that there are none to work on. Those of an odd one are zero
// where they cannot be read.
static __always_inline bool parse(struct __sk_buff *skb, struct packet *p)
{
	__be16 type;

	if (skb->protocol != bpf_htons(ETH_P_IP) && skb->protocol != bpf_htons(ETH_P_IPV6))
		return false;
	p->six = skb->protocol == bpf_htons(ETH_P_IPV6);
	// A tunnel's packets begin with IP.
	p->ip = 0;
	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type)) == 0 && type == skb->protocol)
		p->ip = ETH_HLEN;
	if (p->six) {
		struct ipv6hdr h;

		if (bpf_skb_load_bytes(skb, p->ip, &h, sizeof(h)) || h.version != 6)
			return false;
		p->tcp = p->ip + sizeof(h);
		p->end = p->tcp + bpf_ntohs(h.payload_len);
		if (!extended(skb, p, h.nexthdr))
			return false;
		__builtin_memcpy(&p->src, &h.saddr, 16);
		__builtin_memcpy(&p->dst, &h.daddr, 16);
	} else {
		struct iphdr h;

		if (bpf_skb_load_bytes(skb, p->ip, &h, sizeof(h)) || h.version != 4 || h.ihl < 5 || h.protocol != IPPROTO_TCP ||
		    h.frag_off & bpf_htons(0x1fff))
			return false;
		p->odd = h.frag_off & bpf_htons(0x2000);
		p->tcp = p->ip + h.ihl * 4;
		p->end = p->ip + bpf_ntohs(h.tot_len);
		map4(&p->src, h.saddr);
		map4(&p->dst, h.daddr);
	}
	return (bpf_skb_load_bytes(skb, p->tcp, &p->h, sizeof(p->h)) == 0 && p->h.doff >= 5) || p->odd;
}

// Where an entry's tuples begin depends on how a kernel was built, and the kernel need not describe the entry,
// which belongs to a module. 16 bytes are usual; debugging makes the lock before them larger.
enum { TUPLES_MIN = 8, TUPLES_MAX = 128 };

// The entry's second tuple is what an answer to this packet will look like.
static __always_inline bool answers(const struct tuple *t, const struct packet *p)
{
	if (t->protocol != IPPROTO_TCP || t->answer != 1 || t->sport != p->h.dest || t->dport != p->h.source)
		return false;
	if (p->six)
		return same(&t->src, &p->dst) && same(&t->dst, &p->src);
	return t->src.w[0] == p->dst.w[3] && t->dst.w[0] == p->src.w[3];
}

// client reads in the packet's conntrack entry who called.
static __always_inline bool client(struct __sk_buff *skb, const struct packet *p, struct flow *f)
{
	struct service_key called = {};
	struct tuple t = {};
	unsigned long entry;
	__u64 *service;
	__u32 at;

	if (BPF_CORE_READ_INTO(&entry, (struct sk_buff *)skb, _nfct) || !(entry &= ~7UL))
		return false;
	for (at = TUPLES_MIN; at <= TUPLES_MAX; at += 8) {
		if (bpf_probe_read_kernel(&t, sizeof(t), (void *)(entry + at + sizeof(t))))
			return false;
		if (answers(&t, p))
			break;
	}
	if (at > TUPLES_MAX || bpf_probe_read_kernel(&t, sizeof(t), (void *)(entry + at)))
		return false;
	if (p->six) {
		f->client = t.src;
		called.vip = t.dst;
	} else {
		map4(&f->client, t.src.w[0]);
		map4(&called.vip, t.dst.w[0]);
	}
	f->port = t.sport;
	called.port = t.dport;
	called.bits = 8 * (sizeof(called.vip) + sizeof(called.port));
	service = bpf_map_lookup_elem(&services, &called);
	if (!service)
		return false;
	f->service = *service;
	f->len = p->six ? TOA_LEN6 : TOA_LEN4;
	// Where the address is the client's own the real server knows it anyway.
	return !same(&f->client, &p->src);
}

// large tells whether the interface takes no packet that is so much longer.
static __always_inline bool large(struct __sk_buff *skb, const struct packet *p, __u32 more)
{
	return p->end - p->ip + more > BPF_CORE_READ((struct sk_buff *)skb, dev, mtu);
}

// The largest packet whose payload is moved. A SYN and the ACK behind it have none.
#define CHUNK 64
#define CHUNKS 140 // 8,960 bytes

// move makes room of len bytes behind the first 20 bytes of the TCP header.
static __always_inline int move(struct __sk_buff *skb, __u32 from, __u32 left, __u32 len)
{
	__u8 buf[CHUNK];
	__u64 rest;

	for (int i = 0; i < CHUNKS && left >= CHUNK; i++) {
		left -= CHUNK;
		if (bpf_skb_load_bytes(skb, from + left, buf, CHUNK) || bpf_skb_store_bytes(skb, from + left + len, buf, CHUNK, 0))
			return -1;
	}
	if (left == 0)
		return 0;
	if (left > CHUNK)
		return -1;
	// The kernel wants to see that at least one byte and no more than the buffer is read, and the compiler
	// must not find that needless.
	barrier_var(left);
	rest = ((left - 1) & (CHUNK - 1)) + 1;
	if (bpf_skb_load_bytes(skb, from, buf, rest))
		return -1;
	return bpf_skb_store_bytes(skb, from + len, buf, rest, 0);
}

// add writes the option, and puts lengths and checksums right.
static __always_inline int add(struct __sk_buff *skb, const struct packet *p, const struct flow *f)
{
	struct option o = {.kind = TOA_KIND, .len = f->len, .port = f->port};
	__u32 len = p->six ? TOA_LEN6 : TOA_LEN4, check = p->tcp + offsetof(struct tcphdr, check);
	__u32 from = p->tcp + sizeof(struct tcphdr), left = p->end - from;
	__be16 was, is;
	__s64 sum;

	if (p->six)
		__builtin_memcpy(o.address, &f->client, 16);
	else
		__builtin_memcpy(o.address, &f->client.w[3], 4);
	if (bpf_skb_change_tail(skb, p->end + len, 0))
		return -1;
	if (move(skb, from, left, len) || bpf_skb_store_bytes(skb, from, &o, p->six ? TOA_LEN6 : TOA_LEN4, 0))
		return -1;

	// The TCP header's length, with the flags beside it.
	bpf_skb_load_bytes(skb, p->tcp + 12, &was, 2);
	is = bpf_htons(bpf_ntohs(was) + (len / 4 << 12));
	bpf_skb_store_bytes(skb, p->tcp + 12, &is, 2, 0);
	bpf_l4_csum_replace(skb, check, was, is, 2);
	sum = p->six ? bpf_csum_diff(0, 0, (__be32 *)&o, TOA_LEN6, 0) : bpf_csum_diff(0, 0, (__be32 *)&o, TOA_LEN4, 0);
	bpf_l4_csum_replace(skb, check, 0, sum, 0);
	// The length in the pseudo header is also in a sum that a network card will complete.
	was = bpf_htons(p->end - p->tcp);
	is = bpf_htons(p->end - p->tcp + len);
	bpf_l4_csum_replace(skb, check, was, is, BPF_F_PSEUDO_HDR | 2);

	if (p->six) {
		bpf_skb_store_bytes(skb, p->ip + offsetof(struct ipv6hdr, payload_len), &is, 2, 0);
		return 0;
	}
	was = bpf_htons(p->end - p->ip);
	is = bpf_htons(p->end - p->ip + len);
	bpf_skb_store_bytes(skb, p->ip + offsetof(struct iphdr, tot_len), &is, 2, 0);
	bpf_l3_csum_replace(skb, p->ip + offsetof(struct iphdr, check), was, is, 2);
	return 0;
}

static __always_inline void key(const struct address *laddr, __be16 lport, const struct address *server, __be16 port, struct flow_key *k)
{
	__builtin_memset(k, 0, sizeof(*k));
	k->laddr = *laddr;
	k->server = *server;
	k->lport = lport;
	k->port = port;
}

// The kind beside ours that nobody reads (RFC 4727).
#define OTHER_KIND 253

// unsay takes from a packet what its sender has put there for the real server to believe: an option like ours gets
// another kind. The kernel looks at a global function once, wherever it is called.
__attribute__((noinline)) int unsay(struct __sk_buff *skb, __u32 tcp, __u32 doff)
{
	__u32 at = tcp + sizeof(struct tcphdr), end = tcp + doff * 4;
	__be32 first;

	// Nearly all packets have a timestamp alone (RFC 7323, A).
	if (doff == 8 && bpf_skb_load_bytes(skb, at, &first, sizeof(first)) == 0 && first == bpf_htonl(0x0101080a))
		return 0;
	for (int i = 0; i < 40 && at + 2 <= end; i++) {
		struct {
			__u8 kind, len;
		} o;

		if (bpf_skb_load_bytes(skb, at, &o, sizeof(o)) || o.kind == 0)
			return 0;
		if (o.kind == 1) {
			at++;
			continue;
		}
		if (o.len < 2)
			return 0;
		if (o.kind == TOA_KIND && (o.len == TOA_LEN4 || o.len == TOA_LEN6)) {
			__u8 kind = OTHER_KIND, shift = (at - tcp) & 1 ? 0 : 8; // which half of a word it is

			bpf_skb_store_bytes(skb, at, &kind, 1, 0);
			bpf_l4_csum_replace(skb, tcp + offsetof(struct tcphdr, check), bpf_htons(TOA_KIND << shift), bpf_htons(OTHER_KIND << shift), 2);
		}
		at += o.len;
	}
	return 0;
}

// begins tells whether a packet may be the one that ends the handshake: as far from its end as the first window
// reaches, on either side.
static __always_inline bool begins(const struct packet *p, const struct flow *f)
{
	return bpf_ntohl(p->h.seq) - f->next + 0xffff < 0x1ffff;
}

// strange decides about odd packets. None can have the option, and a real server must not believe what it has
// itself: SYNs, and what hides options, go nowhere. Nobody needs to send such.
static __always_inline int strange(struct __sk_buff *skb, const struct packet *p, const struct flow_key *k)
{
	const struct flow *f;

	if (!bpf_map_lookup_elem(&servers, &p->dst))
		return PASS;
	if (p->h.doff < 5 || (p->h.syn && !p->h.ack))
		return TC_ACT_SHOT;
	f = bpf_map_lookup_elem(&flows, k);
	if (!f || !begins(p, f))
		return PASS;
	if (p->tcp + p->h.doff * 4 > skb->len)
		return TC_ACT_SHOT;
	unsay(skb, p->tcp, p->h.doff);
	return PASS;
}

SEC("tc")
int tell(struct __sk_buff *skb)
{
	struct packet p = {};
	struct flow_key k;
	struct flow *f, found = {};
	struct count *c;
	bool big;

	if (!parse(skb, &p) || p.h.rst)
		return PASS;
	key(&p.src, p.h.source, &p.dst, p.h.dest, &k);
	if (p.odd)
		return strange(skb, &p, &k);
	if (p.h.syn) {
		if (p.h.ack || !bpf_map_lookup_elem(&servers, &p.dst))
			return PASS;
		unsay(skb, p.tcp, p.h.doff); // of a service that does not tell, too
		if (!client(skb, &p, &found))
			return PASS;
		found.next = bpf_ntohl(p.h.seq) + 1;
		bpf_map_update_elem(&flows, &k, &found, BPF_ANY);
		f = &found;
	} else {
		f = bpf_map_lookup_elem(&flows, &k);
		if (!f || !begins(&p, f))
			return PASS;
		unsay(skb, p.tcp, p.h.doff);
		if (bpf_ntohl(p.h.seq) != f->next)
			return PASS;
	}
	c = bpf_map_lookup_elem(&counts, &f->service);
	if (!c)
		return PASS;
	if (p.h.doff * 4 + f->len > 60) {
		if (!f->told)
			c->options++;
		return PASS;
	}
	// What a card will cut is too large, too. It matters only if the ACK before did not tell.
	if (skb->gso_size || p.end > skb->len || large(skb, &p, f->len)) {
		if (!f->told)
			c->size++;
		return PASS;
	}
	// A big packet has it once. If it comes again, it was perhaps too large for a way behind the interface, and
	// its sender, who knows nothing of the option, will not make it smaller.
	big = !p.h.syn && p.end - p.ip + f->len > SMALL;
	if (big && f->told == TOLD_BIG)
		return PASS;
	if (add(skb, &p, f)) {
		c->failed++;
		return PASS;
	}
	if (p.h.syn)
		c->syn++;
	else {
		c->first++;
		if (big)
			f->told = TOLD_BIG;
		else if (f->told == UNTOLD)
			f->told = TOLD;
	}
	return PASS;
}

// room lowers the MSS that a real server offers, so that the client's first data leaves room
// for the option.
SEC("tc")
int room(struct __sk_buff *skb)
{
	struct packet p = {};
	struct flow_key k;
	struct flow *f;
	__u32 at, end;

	if (!parse(skb, &p) || p.odd || !p.h.syn || !p.h.ack)
		return PASS;
	key(&p.dst, p.h.dest, &p.src, p.h.source, &k);
	f = bpf_map_lookup_elem(&flows, &k);
	if (!f)
		return PASS;
	at = p.tcp + sizeof(struct tcphdr);
	end = p.tcp + p.h.doff * 4;
	for (int i = 0; i < 40 && at + 4 <= end; i++) {
		struct {
			__u8 kind, len;
			__be16 mss;
		} o;
		__be16 mss;

		if (bpf_skb_load_bytes(skb, at, &o, sizeof(o)) || o.kind == 0)
			return PASS;
		if (o.kind == 1) {
			at++;
			continue;
		}
		if (o.len < 2)
			return PASS;
		if (o.kind != MSS_KIND || o.len != 4) {
			at += o.len;
			continue;
		}
		if (bpf_ntohs(o.mss) < 536 + f->len)
			return PASS;
		mss = bpf_htons(bpf_ntohs(o.mss) - f->len);
		bpf_skb_store_bytes(skb, at + 2, &mss, 2, 0);
		if ((at - p.tcp) & 1) { // its bytes are halves of two words
			o.mss = o.mss << 8 | o.mss >> 8;
			mss = mss << 8 | mss >> 8;
		}
		bpf_l4_csum_replace(skb, p.tcp + offsetof(struct tcphdr, check), o.mss, mss, 2);
		return PASS;
	}
	return PASS;
}
