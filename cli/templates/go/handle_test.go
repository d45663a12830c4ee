package main

import (
	"errors"
	"testing"
)

func TestAnOrderBecomesAShipment(t *testing.T) {
	got, err := handle(Order{ID: 1, Customer: "Ada", Quantity: 9})
	if want := (Shipment{Order: 1, To: "Ada", Parcels: 3}); err != nil || got != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestAnOrderThatIsTooLargeFails(t *testing.T) {
	_, err := handle(Order{ID: 1, Customer: "Ada", Quantity: 101})
	if !errors.As(err, &Fail{}) {
		t.Errorf("got %v; want Fail", err)
	}
}
