package main

import "fmt"

const (
	largest   = 100 // items of a shipment
	perParcel = 4   // items of a parcel
)

// Order is what comes in. volleyd has checked it against order.schema.json.
type Order struct {
	ID       int64  `json:"id"`
	Customer string `json:"customer"`
	Quantity int64  `json:"quantity"`
}

// Shipment is what goes out.
type Shipment struct {
	Order   int64  `json:"order"`
	To      string `json:"to"`
	Parcels int64  `json:"parcels"`
}

// handle makes a shipment of an order. The kind of an error decides what happens to the message: Fail or Drop. Any other
// error is a retry.
func handle(order Order) (Shipment, error) {
	if order.Quantity > largest {
		return Shipment{}, Fail{fmt.Sprintf("%d items are too many for a shipment", order.Quantity)}
	}
	return Shipment{order.ID, order.Customer, (order.Quantity + perParcel - 1) / perParcel}, nil
}
