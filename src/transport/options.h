/*
 * What of the drivers' transports a build contains.
 *
 * VQ_WITH_LEGACY: version 1 of MMIO, the legacy interface of PCI, and reading the configuration
 * of devices that have no generation of it.
 * VQ_WITH_MSIX: vectors of its own for each queue of a PCI device.
 */
#ifndef VQ_TRANSPORT_OPTIONS_H
#define VQ_TRANSPORT_OPTIONS_H

#ifndef VQ_WITH_LEGACY
#define VQ_WITH_LEGACY 1
#endif
#ifndef VQ_WITH_MSIX
#define VQ_WITH_MSIX 1
#endif

#endif
