package reference

// The mistakes that need a restart, a full disk or a tombstone to show.
const (
	actorReuse = "actor-reuse"
)
