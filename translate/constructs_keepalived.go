package translate

// ofKeepalived are the constructs of keepalived alone.
var ofKeepalived = []Construct{}
