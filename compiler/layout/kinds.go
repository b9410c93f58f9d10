package layout

// forms holds how names of each kind are written.
var forms = [...]form{
	Uplinks:           {word: "uplinks"},
	VIPs:              {word: "vips", family: true, words: []word{wordMapped}},
	Services:          {word: "services", family: true, words: []word{wordPorts}},
	Marks:             {word: "marks", family: true},
	Limited:           {word: "limited", family: true, words: []word{wordPorts}},
	Admitted:          {word: "admitted", family: true, words: []word{wordPorts}},
	Over:              {word: "over", words: []word{wordZones, wordRejects, wordOver}},
	Rates:             {word: "rates", family: true, words: []word{wordZones}},
	Clients:           {word: "clients", family: true, words: []word{wordZones}},
	HeldClients:       {word: "held-clients", family: true, words: []word{wordZones}},
	Open:              {word: "open", words: []word{wordZones}},
	HeldParts:         {word: "held-parts", words: []word{wordZones}},
	LimitedZones:      {word: "limited-zones", family: true, object: objectMaybe},
	LimitedRejects:    {word: "limited-rejects", family: true, object: objectMaybe},
	Permitted:         {word: "permitted", family: true, words: []word{wordPorts}},
	Sticky:            {word: "sticky", family: true, words: []word{wordPorts, wordKeep, wordServers}},
	AfterMark:         {word: "aftermark", family: true},
	Scheduled:         {word: "scheduled", family: true, words: []word{wordPorts}},
	Helpers:           {word: "helpers", family: true, words: []word{wordPorts}},
	Onward:            {word: "onward", family: true, words: []word{wordPorts}},
	Remember:          {word: "remember", family: true, words: []word{wordPorts}},
	Turns:             {word: "turns", family: true, words: []word{wordPorts, wordKeep, wordPart, wordUncounted}},
	Slots:             {word: "slots", family: true, words: []word{wordPorts, wordKeep, wordPart, wordUncounted}},
	Table:             {word: "table", family: true, object: objectService},
	Servers:           {word: "servers", family: true, words: []word{wordPorts, wordKeep}},
	LaddrsIn:          {word: "laddrs-in", family: true, words: []word{wordPorts}},
	Laddrs:            {word: "laddrs", family: true, words: append([]word{wordPorts}, translation...)},
	Hairpin:           {word: "hairpin", family: true, words: []word{wordPorts, wordPrefix}},
	Inbound:           {word: "inbound", family: true},
	Timed:             {word: "timed", family: true, object: objectMaybe},
	Segments:          {word: "segments", family: true},
	TimedServices:     {word: "timed-services", family: true, words: []word{wordPorts}},
	Conditional:       {word: "conditional", family: true},
	Elsewhere:         {word: "elsewhere", family: true},
	Excludes:          {word: "excludes", family: true},
	ZoneHelpers:       {word: "zone-helpers", family: true, object: objectMaybe},
	Blocks:            {word: "blocks", family: true, words: []word{wordRandom}, object: objectLongZone},
	Mapped:            {word: "mapped", family: true, object: objectMaybe},
	Zones:             {word: "zones", family: true, words: append([]word{wordLength}, through...)},
	Own:               {word: "own", family: true, words: through, object: objectZone},
	Actions:           {word: "actions", family: true, words: []word{wordVia}},
	Rejects:           {word: "rejects", family: true},
	Does:              {word: "does", family: true, words: []word{wordVia}, object: objectZone},
	RefuseConditional: {word: "refuse-conditional", family: true},
	RefuseElsewhere:   {word: "refuse-elsewhere", family: true},
	RefuseDoes:        {word: "refuse-does", family: true, object: objectZone},
	Conditions:        {word: "conditions"},
	To:                {word: "to", family: true, object: objectZone},
	Ports:             {word: "ports", object: objectZone},
	IIf:               {word: "iif", object: objectZone},
	OIf:               {word: "oif", object: objectZone},
	Exclude:           {word: "exclude", family: true, object: objectZone},
	Pool:              {word: "pool", family: true, words: []word{wordSelect, wordVia}, object: objectPool},
	Drained:           {word: "drained", family: true, words: []word{wordVia}, object: objectPool},

	Marked:         {word: "marked"},
	WayConditional: {word: "way-conditional", family: true},
	Ways:           {word: "ways", family: true, object: objectMaybe},
	Entering:       {word: "entering"},
	Choice:         {word: "choice", family: true, words: []word{wordThen}},
	Leaving:        {word: "leaving"},
	Laddrless:      {word: "laddrless", family: true},

	ChainPrerouting:      {word: "prerouting"},
	ChainOutput:          {word: "output"},
	ChainServices:        {word: "services"},
	ChainGuarded:         {word: "guarded"},
	ChainPrepared:        {word: "prepared"},
	ChainMarked:          {word: "marked", family: true, words: []word{wordMark}},
	ChainLimits:          {word: "limits", family: true, words: []word{wordPorts, wordLimits}, object: objectLongZone},
	ChainFull:            {word: "full", family: true, words: []word{wordOver, wordLimits}, object: objectLongZone},
	ChainForward:         {word: "forward"},
	ChainRefused:         {word: "refused"},
	ChainRefuse:          {word: "refuse"},
	ChainRefuseElsewhere: {word: "refuse-elsewhere"},
	ChainRefuseWhen:      {word: "refuse-when", words: []word{wordThen}, object: objectZone, leads: true},
	ChainRefuseZone:      {word: "refuse-zone", words: []word{wordDoes}, object: objectZone, leads: true},
	ChainOffload:         {word: "offloading"},
	ChainPostrouting:     {word: "postrouting"},
	ChainByMark:          {word: "bymark"},
	ChainFullNAT:         {word: "fullnat"},
	ChainZones:           {word: "zones"},
	ChainElsewhere:       {word: "elsewhere"},
	ChainWhen:            {word: "when", words: []word{wordThen}, object: objectZone, leads: true},
	ChainZone:            {word: "zone", words: []word{wordDoes}, object: objectZone, leads: true},
	ChainMasquerade:      {word: "masquerading"},
	ChainExclude:         {word: "exclude", object: objectZone},
	ChainPool:            {word: "pool", family: true, words: []word{wordSelect, wordVia}, object: objectPool},
	ChainSchedule:        {family: true, words: []word{wordPorts, wordKeep, wordPart}, object: objectTable},
	ChainSticky:          {word: "sticky", family: true, words: []word{wordPorts, wordKeep, wordServers, wordBits}},
	ChainSegments:        {word: "segments"},
	ChainLower:           {word: "lower", words: []word{wordThen}},
	ChainTimeouts:        {word: "timeouts", words: []word{wordThen}},
	ChainHelper:          {word: "helper", words: []word{wordHelper}},
	ChainUplinks:         {word: "uplinks"},
	ChainReroute:         {word: "reroute"},
	ChainWays:            {word: "ways"},
	ChainWayWhen:         {word: "way-when", words: []word{wordThen}, object: objectZone, leads: true},
	ChainWayZone:         {word: "way-zone", words: []word{wordDoes}, object: objectZone, leads: true},
	ChainChoose:          {word: "choose", family: true, words: []word{wordThen}},
	ChainFrom:            {word: "from", words: []word{wordThen}},
	ChainVia:             {word: "via", words: []word{wordThen}},
	ChainTo:              {word: "toward", words: []word{wordThen}},
	ChainOut:             {word: "out", words: []word{wordThen}},
	ChainBack:            {word: "back", words: []word{wordThen}},
	ChainRemember:        {word: "remember", family: true, words: []word{wordPorts, wordKeep, wordServers, wordSeconds, wordBits}},
}

var setWords, chainWords = kindsByWord(false), kindsByWord(true)

func kindsByWord(chains bool) map[string]Kind {
	m := make(map[string]Kind)
	for k := Uplinks; int(k) < len(forms); k++ {
		if k.IsChain() == chains && forms[k].word != "" {
			m[forms[k].word] = k
		}
	}
	return m
}

// Fixed tells whether tables that have the chain have it under one name.
func (k Kind) Fixed() bool {
	f := &forms[k]
	return k.IsChain() && !f.family && f.words == nil && f.object == objectNone
}
