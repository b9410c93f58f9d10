package translate

// ofIPVSADM are the constructs of ipvsadm alone.
var ofIPVSADM = []Construct{
	{Code: "M101", Written: "shell: anything but ipvsadm, comments, variables and loops over lists", Of: "ipvsadm", Fate: Lost,
		Becomes: "it is left out: translate runs no programs"},
}
