package ecs

// Names is how many names a Mapper remembers.
func (m *Mapper) Names() int { return len(m.attributes) + len(m.slots) }
