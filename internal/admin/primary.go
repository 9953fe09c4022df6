package admin

// SetPrimary makes the client apply a primary's stream: it may write to a
// replica, and expires nothing by itself.
func (c *Client) SetPrimary() { c.s.Primary = true }
